"""The gRPC side of a service: what every call in and out of it passes through."""
