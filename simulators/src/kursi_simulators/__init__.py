"""Local stand-ins that speak the wire formats of real providers."""
