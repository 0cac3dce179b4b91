"""Other services, as the catalog needs them."""
