"""What people and services can do with identity: one file each, one transaction each."""
