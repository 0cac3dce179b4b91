"""Reading straight from rows to views."""
