"""What customers say of their visits."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
