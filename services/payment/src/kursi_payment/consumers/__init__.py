"""Events of others, in."""
