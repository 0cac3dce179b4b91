"""Who waits for a time, and the freed times that are offered to them."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
