"""More rules of booking that a salon can set."""

from alembic import op

revision = "0002"
down_revision = "0001"

# The table is written by people, a row per salon and service at most: adding checked columns takes a moment.
_COLUMNS = """
ALTER TABLE policies
    ADD COLUMN start_mode                     text,
    ADD COLUMN maximum_bookings_per_day       integer,
    ADD COLUMN maximum_bookings_per_staff_day integer,
    ADD COLUMN latest_start                   text,
    ADD COLUMN waitlist_offer_seconds         integer,
    ADD CONSTRAINT policies_start_mode CHECK (start_mode IN ('grid', 'gap_free')),
    ADD CONSTRAINT policies_bookings_per_day CHECK (maximum_bookings_per_day BETWEEN 0 AND 10000),
    ADD CONSTRAINT policies_bookings_per_staff_day CHECK (maximum_bookings_per_staff_day BETWEEN 0 AND 1000),
    ADD CONSTRAINT policies_latest_start CHECK (latest_start ~ '^([01][0-9]|2[0-3])\\:[0-5][0-9]$' OR latest_start = '24\\:00'),
    ADD CONSTRAINT policies_waitlist_offer CHECK (waitlist_offer_seconds BETWEEN 60 AND 86400)
"""


def upgrade() -> None:
    op.execute(_COLUMNS)
