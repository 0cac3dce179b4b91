"""Events of the other services, read and handed to planning."""
