"""Limits per day and the minutes that fair choice counts."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
