"""The nouns and rules of booking: pure, without clock, database or network."""
