"""Bookings as rows."""
