"""What messaging talks about, and the rules of telling people; pure."""
