"""Messages about a series as a whole, and about a calendar elsewhere that clashes with a visit."""

from alembic import op

revision = "0004"
down_revision = "0003"

_EVENTS = """
ALTER TABLE notifications DROP CONSTRAINT notifications_event,
    ADD CONSTRAINT notifications_event CHECK (event IN (
        'booking_created', 'booking_confirmed', 'booking_rescheduled', 'booking_cancelled',
        'payment_captured', 'payment_failed', 'reminder', 'manual', 'waitlist_offer',
        'series_created', 'series_cancelled', 'calendar_conflict')) NOT VALID;
ALTER TABLE notifications VALIDATE CONSTRAINT notifications_event;
"""


def upgrade() -> None:
    op.execute(_EVENTS)
