"""The schema of the messaging database, step by step."""
