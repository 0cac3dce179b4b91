"""SQL for reading, straight to views."""
