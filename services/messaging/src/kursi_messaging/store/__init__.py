"""Rows of messaging's tables, written and read inside the caller's transaction."""
