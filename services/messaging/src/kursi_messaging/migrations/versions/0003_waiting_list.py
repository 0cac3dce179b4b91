"""Messages of the waiting list."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0003"
down_revision = "0002"

_EVENTS = """
ALTER TABLE notifications DROP CONSTRAINT notifications_event,
    ADD CONSTRAINT notifications_event CHECK (event IN (
        'booking_created', 'booking_confirmed', 'booking_rescheduled', 'booking_cancelled',
        'payment_captured', 'payment_failed', 'reminder', 'manual', 'waitlist_offer')) NOT VALID;
ALTER TABLE notifications VALIDATE CONSTRAINT notifications_event;
"""

# What is known of an entry of a waiting list: `offer_id` is the offer that is open after its latest revision.
_KNOWN = """
CREATE TABLE waitlist_view (
    entry_id      uuid        NOT NULL,
    last_revision bigint      NOT NULL,
    offer_id      uuid,
    changed_at    timestamptz NOT NULL,
    CONSTRAINT waitlist_view_pkey PRIMARY KEY (entry_id)
) WITH (fillfactor = 85);
CREATE INDEX waitlist_view_changed_at ON waitlist_view USING brin (changed_at);
"""


def upgrade() -> None:
    for statement in (_EVENTS, _KNOWN, ddl.grants("messaging_app", read_write=["waitlist_view"])):
        op.execute(statement)
