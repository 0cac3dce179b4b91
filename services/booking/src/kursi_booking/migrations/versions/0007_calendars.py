"""Calendar feeds, and busy times from calendars outside."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
