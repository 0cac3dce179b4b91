"""Providers of messages, one class each."""
