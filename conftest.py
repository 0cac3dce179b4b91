"""Fixtures that every package's tests share come from the chassis."""

pytest_plugins = ["kursi_chassis.testing.plugin"]
