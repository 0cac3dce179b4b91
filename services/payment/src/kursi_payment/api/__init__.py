"""The contract, spoken."""
