"""Visits of people who have no account yet, and whose they became."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0008"
down_revision = "0007"

# What the salon called somebody whom it booked by phone number; NULL for everybody else.
GUESTS = """
ALTER TABLE bookings ADD COLUMN guest_name text,
    ADD CONSTRAINT bookings_guest_name CHECK (length(guest_name) <= 80);
"""

# They are found by that name, as by a word of the note.
FOUND_BY_NAME = """
ALTER TABLE bookings ALTER COLUMN words SET EXPRESSION AS (
    CASE WHEN note = '' AND guest_name IS NULL THEN '' ELSE search_key(note || ' ' || coalesce(guest_name, '')) END);
"""

# Kept, because a visit that was being written while its guest was joined is found by it.
JOINED = """
CREATE TABLE joined_guests (
    guest_id  uuid        NOT NULL,
    salon_id  uuid        NOT NULL,
    user_id   uuid        NOT NULL,
    joined_at timestamptz NOT NULL,
    CONSTRAINT joined_guests_pkey PRIMARY KEY (guest_id)
);
CREATE INDEX joined_guests_by_time ON joined_guests (joined_at);
"""


def upgrade() -> None:
    op.execute(GUESTS)
    op.execute(FOUND_BY_NAME)
    op.execute(JOINED)
    op.execute(ddl.grants("booking_app", read_write=["joined_guests"]))
