"""One file per thing that a person can do."""
