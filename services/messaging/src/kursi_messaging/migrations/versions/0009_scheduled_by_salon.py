"""An index of the messages that a salon plans is for those who name the salon, not for those who claim what is due."""

from alembic import op

revision = "0009"
down_revision = "0008"

# Whoever names a salon asks for messages that have one. A claim names none, and so cannot be planned to sort
# all that is due by this index instead of reading the first of it by its own.
_BY_SALON = """
DROP INDEX notifications_scheduled_by_salon;
CREATE INDEX notifications_scheduled_by_salon ON notifications (salon_id, due_at, id)
    WHERE status IN ('pending', 'scheduled', 'deferred') AND salon_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(_BY_SALON)
