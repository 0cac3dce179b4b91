"""Messages about a series whose visits were confirmed together."""

from alembic import op

revision = "0005"
down_revision = "0004"

_EVENTS = """
ALTER TABLE notifications DROP CONSTRAINT notifications_event,
    ADD CONSTRAINT notifications_event CHECK (event IN (
        'booking_created', 'booking_confirmed', 'booking_rescheduled', 'booking_cancelled',
        'payment_captured', 'payment_failed', 'reminder', 'manual', 'waitlist_offer',
        'series_created', 'series_confirmed', 'series_cancelled', 'calendar_conflict')) NOT VALID;
ALTER TABLE notifications VALIDATE CONSTRAINT notifications_event;
"""


def upgrade() -> None:
    op.execute(_EVENTS)
