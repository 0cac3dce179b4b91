"""The contract's side: read requests, call, write answers."""
