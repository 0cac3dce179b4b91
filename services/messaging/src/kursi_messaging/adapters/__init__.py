"""Adapters of what messaging talks to."""
