"""Busy times from calendars elsewhere, and what they clash with."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0009"
down_revision = "0008"

# `busy` is what the calendar said when it was read last; claims follow from it and from what else is claimed. Whoever
# reads it again holds a lease, and only the holder of the lease writes what came of it.
EXTERNAL_CALENDARS = """
CREATE TABLE external_calendars (
    id              uuid            NOT NULL,
    salon_id        uuid            NOT NULL,
    staff_id        uuid            NOT NULL,
    name            text            NOT NULL,
    host            text            NOT NULL,
    time_zone       text            NOT NULL,
    sealed_url      bytea,
    url_digest      bytea           NOT NULL,
    created_by      uuid            NOT NULL,
    created_at      timestamptz     NOT NULL,
    disconnected_at timestamptz,
    busy            tstzmultirange  NOT NULL DEFAULT '{}',
    skipped         integer         NOT NULL DEFAULT 0,
    etag            text            NOT NULL DEFAULT '',
    last_modified   text            NOT NULL DEFAULT '',
    read_at         timestamptz,
    next_refresh_at timestamptz     NOT NULL,
    asked_at        timestamptz,
    lease_id        uuid,
    lease_until     timestamptz,
    failures        integer         NOT NULL DEFAULT 0,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    last_error      text            NOT NULL DEFAULT '',
    last_status     integer         NOT NULL DEFAULT 0,
    CONSTRAINT external_calendars_pkey PRIMARY KEY (id),
    CONSTRAINT external_calendars_url CHECK ((sealed_url IS NULL) = (disconnected_at IS NOT NULL)),
    CONSTRAINT external_calendars_lease CHECK ((lease_id IS NULL) = (lease_until IS NULL)),
    CONSTRAINT external_calendars_texts CHECK
        (length(name) <= 300 AND length(etag) <= 500 AND length(last_modified) <= 100)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX external_calendars_once ON external_calendars (staff_id, url_digest)
    WHERE disconnected_at IS NULL;
CREATE INDEX external_calendars_due ON external_calendars (next_refresh_at) WHERE disconnected_at IS NULL;
"""

# A blocked claim may come from a calendar elsewhere. It is deleted, not released, when the calendar changes its mind.
CLAIMS = """
ALTER TABLE claims ADD COLUMN external_calendar_id uuid,
    ADD CONSTRAINT claims_external_calendar FOREIGN KEY (external_calendar_id) REFERENCES external_calendars (id),
    ADD CONSTRAINT claims_external_calendar_blocks CHECK
        (external_calendar_id IS NULL OR (state = 'blocked' AND session_id IS NULL));
CREATE INDEX claims_by_external_calendar ON claims (external_calendar_id) WHERE external_calendar_id IS NOT NULL;
"""

CONFLICTS = """
CREATE TABLE calendar_conflicts (
    id                   uuid        NOT NULL,
    salon_id             uuid        NOT NULL,
    staff_id             uuid        NOT NULL,
    external_calendar_id uuid        NOT NULL,
    booking_id           uuid        NOT NULL,
    start_at             timestamptz NOT NULL,
    end_at               timestamptz NOT NULL,
    detected_at          timestamptz NOT NULL,
    resolved_at          timestamptz,
    CONSTRAINT calendar_conflicts_pkey PRIMARY KEY (id),
    CONSTRAINT calendar_conflicts_calendar FOREIGN KEY (external_calendar_id) REFERENCES external_calendars (id),
    CONSTRAINT calendar_conflicts_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT calendar_conflicts_during CHECK (start_at < end_at)
);
CREATE UNIQUE INDEX calendar_conflicts_once ON calendar_conflicts (external_calendar_id, booking_id)
    WHERE resolved_at IS NULL;
CREATE INDEX calendar_conflicts_by_salon ON calendar_conflicts (salon_id, start_at) WHERE resolved_at IS NULL;
"""


def upgrade() -> None:
    for statement in (
        *(EXTERNAL_CALENDARS, CLAIMS, CONFLICTS),
        ddl.grants("booking_app", read_write=["external_calendars", "calendar_conflicts"]),
    ):
        op.execute(statement)
