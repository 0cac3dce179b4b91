"""Finding the messages whose report never came."""

from alembic import op

revision = "0006"
down_revision = "0005"

_UNREPORTED = """
CREATE INDEX notifications_unreported ON notifications (sent_at) WHERE status = 'sent' AND channel <> 'email';
"""


def upgrade() -> None:
    op.execute(_UNREPORTED)
