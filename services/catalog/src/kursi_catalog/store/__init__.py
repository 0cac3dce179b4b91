"""Rows to aggregates and back; no decisions."""
