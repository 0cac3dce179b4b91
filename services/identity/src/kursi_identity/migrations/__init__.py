"""The schema of the identity database."""
