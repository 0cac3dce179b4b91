"""The contract on the wire: parse, call, render."""
