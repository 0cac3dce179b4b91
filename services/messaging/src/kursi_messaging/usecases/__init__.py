"""What can be done with messaging, one transaction each."""
