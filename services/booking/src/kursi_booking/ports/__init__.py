"""What the use cases need of the layers below them and of other services, one module per capability."""
