"""More rules of booking that a salon can set."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
