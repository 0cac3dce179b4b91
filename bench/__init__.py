"""Measurements: each figure is a ratio to a limit that was measured in the same run, so it means something on any machine."""
