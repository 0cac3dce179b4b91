"""Who waits for a time, and the freed times that are offered to them."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0005"
down_revision = "0004"

# `ranges` are the wished starts, `passed` the offered visits that were declined or left without an answer. Nobody waits
# twice for the same services at the same time: `services_digest` stands for the services, whatever their order.
ENTRIES = """
CREATE TABLE waitlist_entries (
    id              uuid           NOT NULL,
    salon_id        uuid           NOT NULL,
    customer_id     uuid           NOT NULL,
    state           text           NOT NULL,
    revision        bigint         NOT NULL,
    channel         text           NOT NULL,
    wishes          jsonb          NOT NULL,
    services_digest text           NOT NULL,
    ranges          tstzmultirange NOT NULL,
    passed          tstzmultirange NOT NULL DEFAULT '{}',
    priority        smallint       NOT NULL,
    unanswered      smallint       NOT NULL DEFAULT 0,
    note            text           NOT NULL,
    salon_names     jsonb          NOT NULL,
    time_zone       text           NOT NULL,
    territory_code  text           NOT NULL,
    booking_id      uuid,
    created_at      timestamptz    NOT NULL,
    updated_at      timestamptz    NOT NULL,
    CONSTRAINT waitlist_entries_pkey PRIMARY KEY (id),
    CONSTRAINT waitlist_entries_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT waitlist_entries_state CHECK (state IN ('waiting', 'offered', 'booked', 'cancelled', 'expired')),
    CONSTRAINT waitlist_entries_channel CHECK (channel IN ('customer', 'salon')),
    CONSTRAINT waitlist_entries_revision CHECK (revision >= 1),
    CONSTRAINT waitlist_entries_ranges CHECK (NOT isempty(ranges) AND NOT lower_inf(ranges) AND NOT upper_inf(ranges)),
    CONSTRAINT waitlist_entries_numbers CHECK (priority BETWEEN 0 AND 100 AND unanswered >= 0),
    CONSTRAINT waitlist_entries_booked CHECK ((state = 'booked') = (booking_id IS NOT NULL)),
    CONSTRAINT waitlist_entries_note CHECK (length(note) <= 500),
    CONSTRAINT waitlist_entries_once EXCLUDE USING gist
        (customer_id WITH =, salon_id WITH =, services_digest WITH =, ranges WITH &&)
        WHERE (state IN ('waiting', 'offered'))
) WITH (fillfactor = 85);
CREATE INDEX waitlist_entries_by_customer ON waitlist_entries (customer_id, created_at DESC, id DESC);
CREATE INDEX waitlist_entries_by_salon ON waitlist_entries (salon_id, created_at DESC, id DESC);
-- Whose turn it is. What waits is little; what has waited once is much.
CREATE INDEX waitlist_entries_turn ON waitlist_entries (salon_id, priority DESC, unanswered, created_at, id)
    WHERE state = 'waiting';
CREATE INDEX waitlist_entries_over ON waitlist_entries (upper(ranges)) WHERE state = 'waiting';
"""

# Everything that is booked when the offer is accepted stands in it, as it was when it was made. An entry that is offered
# something has exactly one open offer: the index says at most, the invariants of the platform say at least.
OFFERS = """
CREATE TABLE waitlist_offers (
    id           uuid        NOT NULL,
    entry_id     uuid        NOT NULL,
    state        text        NOT NULL,
    items        jsonb       NOT NULL,
    currency_code text       NOT NULL,
    policy       jsonb       NOT NULL,
    active_limit integer,
    offered_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    closed_at    timestamptz,
    CONSTRAINT waitlist_offers_pkey PRIMARY KEY (id),
    CONSTRAINT waitlist_offers_entry FOREIGN KEY (entry_id) REFERENCES waitlist_entries (id),
    CONSTRAINT waitlist_offers_state CHECK (state IN ('open', 'accepted', 'declined', 'expired', 'withdrawn')),
    CONSTRAINT waitlist_offers_closed CHECK ((state = 'open') = (closed_at IS NULL)),
    CONSTRAINT waitlist_offers_during CHECK (offered_at < expires_at)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX waitlist_offers_open ON waitlist_offers (entry_id) WHERE state = 'open';
CREATE INDEX waitlist_offers_due ON waitlist_offers (expires_at) WHERE state = 'open';
CREATE INDEX waitlist_offers_by_entry ON waitlist_offers (entry_id);
"""

# The time of an open offer is held like a booking's, by the same constraint; it belongs to the offer instead.
CLAIMS = """
ALTER TABLE claims ADD COLUMN offer_id uuid,
    ADD CONSTRAINT claims_offer FOREIGN KEY (offer_id) REFERENCES waitlist_offers (id),
    ADD CONSTRAINT claims_offer_holds CHECK (offer_id IS NULL OR (booking_id IS NULL AND state IN ('held', 'released'))),
    DROP CONSTRAINT claims_owner,
    ADD CONSTRAINT claims_owner CHECK
        ((booking_id IS NULL AND offer_id IS NULL) = (state = 'blocked') OR state = 'released');
CREATE INDEX claims_by_offer ON claims (offer_id) WHERE offer_id IS NOT NULL;
"""

HISTORY = """
CREATE TABLE waitlist_history (
    entry_id   uuid        NOT NULL,
    revision   bigint      NOT NULL,
    action     text        NOT NULL,
    actor      text        NOT NULL,
    at         timestamptz NOT NULL,
    from_state text,
    to_state   text        NOT NULL,
    offer_id   uuid,
    CONSTRAINT waitlist_history_pkey PRIMARY KEY (entry_id, revision),
    CONSTRAINT waitlist_history_entry FOREIGN KEY (entry_id) REFERENCES waitlist_entries (id)
);
"""

LIFECYCLE = """
CREATE FUNCTION waitlist_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision <> OLD.revision + 1 THEN
        RAISE EXCEPTION 'revision % cannot follow %', NEW.revision, OLD.revision
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_entries_revision_follows',
                TABLE = 'waitlist_entries';
    END IF;
    IF (OLD.state || ' ' || NEW.state) NOT IN (
        'waiting offered', 'waiting cancelled', 'waiting expired',
        'offered waiting', 'offered booked', 'offered cancelled', 'offered expired'
    ) THEN
        RAISE EXCEPTION 'an entry that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_lifecycle', TABLE = 'waitlist_entries';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER waitlist_lifecycle BEFORE UPDATE ON waitlist_entries
    FOR EACH ROW EXECUTE FUNCTION waitlist_lifecycle();
"""


def upgrade() -> None:
    for statement in (
        *(ENTRIES, OFFERS, CLAIMS, HISTORY, LIFECYCLE),
        ddl.grants(
            "booking_app",
            read_write=["waitlist_entries", "waitlist_offers"],
            append_only=["waitlist_history"],
        ),
    ):
        op.execute(statement)
