"""Local stand-ins that speak the wire formats of real providers, keep books and misbehave on demand."""
