"""Recurring visits, and group sessions with their seats."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0004"
down_revision = "0003"

# What was asked for; the visits are bookings that know their series. The dates that did not fit are only ever shown.
SERIES = """
CREATE TABLE booking_series (
    id             uuid        NOT NULL,
    salon_id       uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    time_zone      text        NOT NULL,
    first_start_at timestamptz NOT NULL,
    every_weeks    smallint    NOT NULL,
    mode           text        NOT NULL,
    left_out       jsonb       NOT NULL,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT booking_series_pkey PRIMARY KEY (id),
    CONSTRAINT booking_series_every_weeks CHECK (every_weeks BETWEEN 1 AND 12),
    CONSTRAINT booking_series_mode CHECK (mode IN ('all', 'as_many_as_fit'))
);
CREATE INDEX booking_series_by_customer ON booking_series (customer_id, id DESC);
CREATE INDEX booking_series_by_salon ON booking_series (salon_id, id DESC);
"""

# `taken` moves in the transaction of the booking whose seats it counts, by an update that is refused when it does not
# fit; nobody counts first and writes then. It changes far more often than anything else here, and no index has it.
SESSIONS = """
CREATE TABLE sessions (
    id                  uuid        NOT NULL,
    salon_id            uuid        NOT NULL,
    salon_names         jsonb       NOT NULL,
    time_zone           text        NOT NULL,
    territory_code      text        NOT NULL,
    service_id          uuid        NOT NULL,
    service_names       jsonb       NOT NULL,
    staff_id            uuid        NOT NULL,
    staff_names         jsonb       NOT NULL,
    staff_user_id       uuid,
    start_at            timestamptz NOT NULL,
    end_at              timestamptz NOT NULL,
    currency_code       text        NOT NULL,
    price_minor         bigint      NOT NULL,
    policy              jsonb       NOT NULL,
    active_limit        integer,
    capacity            smallint    NOT NULL,
    taken               smallint    NOT NULL DEFAULT 0,
    state               text        NOT NULL,
    cancellation_reason text        NOT NULL,
    revision            bigint      NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_state CHECK (state IN ('scheduled', 'cancelled')),
    CONSTRAINT sessions_capacity CHECK (capacity BETWEEN 1 AND 500),
    CONSTRAINT sessions_taken CHECK (taken BETWEEN 0 AND capacity),
    CONSTRAINT sessions_during CHECK (start_at < end_at),
    CONSTRAINT sessions_price CHECK (price_minor >= 0),
    CONSTRAINT sessions_texts CHECK (length(cancellation_reason) <= 500)
) WITH (fillfactor = 70);
CREATE INDEX sessions_by_salon ON sessions (salon_id, start_at, id) WHERE state = 'scheduled';
CREATE INDEX sessions_by_staff ON sessions (staff_id, start_at) WHERE state = 'scheduled';

CREATE TABLE session_history (
    session_id uuid        NOT NULL,
    revision   bigint      NOT NULL,
    action     text        NOT NULL,
    actor      text        NOT NULL,
    at         timestamptz NOT NULL,
    capacity   smallint    NOT NULL,
    reason     text        NOT NULL,
    CONSTRAINT session_history_pkey PRIMARY KEY (session_id, revision),
    CONSTRAINT session_history_session FOREIGN KEY (session_id) REFERENCES sessions (id)
);
"""

BOOKINGS = """
ALTER TABLE bookings
    ADD COLUMN series_id uuid,
    ADD COLUMN session_id uuid,
    ADD COLUMN seats smallint NOT NULL DEFAULT 1,
    ADD CONSTRAINT bookings_series FOREIGN KEY (series_id) REFERENCES booking_series (id),
    ADD CONSTRAINT bookings_session FOREIGN KEY (session_id) REFERENCES sessions (id),
    ADD CONSTRAINT bookings_seats CHECK (seats BETWEEN 1 AND CASE WHEN session_id IS NULL THEN 1 ELSE 10 END);
CREATE INDEX bookings_by_series ON bookings (series_id) WHERE series_id IS NOT NULL;
CREATE INDEX bookings_by_session ON bookings (session_id, id) WHERE session_id IS NOT NULL;
"""

# A session keeps its people and things busy as blocked time that says for what.
CLAIMS = """
ALTER TABLE claims
    ADD COLUMN session_id uuid,
    ADD CONSTRAINT claims_session FOREIGN KEY (session_id) REFERENCES sessions (id),
    ADD CONSTRAINT claims_one_owner CHECK (booking_id IS NULL OR session_id IS NULL);
CREATE INDEX claims_by_session ON claims (session_id) WHERE session_id IS NOT NULL;
"""


def upgrade() -> None:
    for statement in (
        *(SERIES, SESSIONS, BOOKINGS, CLAIMS),
        ddl.grants("booking_app", read_write=["booking_series", "sessions"], append_only=["session_history"]),
    ):
        op.execute(statement)
