"""Rows to payments and back."""
