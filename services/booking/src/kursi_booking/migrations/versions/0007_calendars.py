"""Calendar feeds, and who made and ended them."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0007"
down_revision = "0006"

# The secret of a feed is only here as its hash: who reads the database cannot read the feeds.
FEEDS = """
CREATE TABLE calendar_feeds (
    id         uuid        NOT NULL,
    salon_id   uuid,
    staff_id   uuid,
    owner_id   uuid,
    created_by uuid        NOT NULL,
    language   text        NOT NULL,
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT calendar_feeds_pkey PRIMARY KEY (id),
    CONSTRAINT calendar_feeds_token_hash_key UNIQUE (token_hash),
    CONSTRAINT calendar_feeds_token_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT calendar_feeds_of CHECK
        ((salon_id IS NULL) = (staff_id IS NULL) AND (staff_id IS NOT NULL OR owner_id IS NOT NULL))
);
CREATE INDEX calendar_feeds_by_owner ON calendar_feeds (owner_id) WHERE revoked_at IS NULL;
CREATE INDEX calendar_feeds_by_maker ON calendar_feeds (created_by) WHERE revoked_at IS NULL;
CREATE INDEX calendar_feeds_by_salon ON calendar_feeds (salon_id) WHERE revoked_at IS NULL;
"""


def upgrade() -> None:
    for statement in (
        *(FEEDS, ddl.AUDIT_V1),
        ddl.grants("booking_app", read_write=["calendar_feeds"], append_only=["audit"]),
    ):
        op.execute(statement)
