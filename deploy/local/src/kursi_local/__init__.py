"""The laptop platform: PostgreSQL, NATS, Envoy, the services and the simulators as child processes."""
