"""Foreign services, in our words."""
