"""What two services need; no domain word in here."""
