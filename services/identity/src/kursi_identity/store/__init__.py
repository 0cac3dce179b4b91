"""Rows in and out of the identity database. Every function works inside the caller's transaction."""
