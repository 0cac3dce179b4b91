"""Customers whom a salon booked by phone number, until the person behind the number comes."""

from alembic import op
from kursi_chassis.db.ddl import grants

revision = "0003"
down_revision = "0002"

# One salon knows a number under one id, and another salon under another, so that ids tell nothing between salons.
# A guest that was joined to an account stays: what was sent to it is found under its id.
GUESTS = """
CREATE TABLE guests (
    id            uuid        NOT NULL,
    salon_id      uuid        NOT NULL,
    phone_number  text        NOT NULL,
    language_code text        NOT NULL,
    created_at    timestamptz NOT NULL,
    user_id       uuid,
    CONSTRAINT guests_pkey PRIMARY KEY (id),
    CONSTRAINT guests_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT guests_phone_number_e164 CHECK (phone_number ~ '^\\+[1-9][0-9]{6,14}$')
);
CREATE UNIQUE INDEX guests_waiting ON guests (phone_number, salon_id) WHERE user_id IS NULL;
CREATE INDEX guests_by_salon ON guests (salon_id, created_at DESC);
"""


def upgrade() -> None:
    op.execute(GUESTS)
    op.execute(grants("identity_app", read_write=["guests"]))
