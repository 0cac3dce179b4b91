"""The gateway: Envoy configuration generated from the contract."""
