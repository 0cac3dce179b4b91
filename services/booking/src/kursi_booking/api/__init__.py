"""The contract: parse, call, render."""
