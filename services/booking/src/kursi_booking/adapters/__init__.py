"""Other services and formats, each behind one class or function."""
