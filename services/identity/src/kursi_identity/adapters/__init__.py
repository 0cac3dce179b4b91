"""Providers that carry codes to people."""
