"""Rules about people, codes, tokens and members: pure, no I/O."""
