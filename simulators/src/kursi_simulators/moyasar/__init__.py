"""A stand-in for the Moyasar payment API."""
