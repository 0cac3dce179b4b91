"""What the use cases need of the rooms below them and of other services, one module per capability."""
