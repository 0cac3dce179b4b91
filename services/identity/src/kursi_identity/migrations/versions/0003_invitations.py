"""Invitations that wait for an answer, and accounts that wait for their person."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
