"""Breaks at prayer times, and schedules by the lunar calendar."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
