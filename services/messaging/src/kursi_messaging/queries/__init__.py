"""Reading, straight from the tables."""
