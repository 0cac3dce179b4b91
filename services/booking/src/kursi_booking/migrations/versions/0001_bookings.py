"""Bookings, their items, claims and history, the counters of customers, and what carries events and answers."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0001"
down_revision = None

# What is asked for in a WHERE, counted or refused by a constraint is a column; what is only ever shown again as it
# was (names, the frozen policy) is jsonb.
BOOKINGS = """
CREATE TABLE bookings (
    id                  uuid        NOT NULL,
    salon_id            uuid        NOT NULL,
    customer_id         uuid        NOT NULL,
    state               text        NOT NULL,
    payment_state       text        NOT NULL,
    revision            bigint      NOT NULL,
    start_at            timestamptz NOT NULL,
    end_at              timestamptz NOT NULL,
    hold_expire_at      timestamptz,
    salon_names         jsonb       NOT NULL,
    time_zone           text        NOT NULL,
    territory_code      text        NOT NULL,
    currency_code       text        NOT NULL,
    total_minor         bigint      NOT NULL,
    paid_minor          bigint      NOT NULL,
    fee_minor           bigint      NOT NULL,
    refund_due_minor    bigint      NOT NULL,
    payments            uuid[]      NOT NULL,
    policy              jsonb       NOT NULL,
    channel             text        NOT NULL,
    note                text        NOT NULL,
    cancellation_reason text        NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT bookings_pkey PRIMARY KEY (id),
    CONSTRAINT bookings_state CHECK (state IN
        ('held', 'pending', 'confirmed', 'checked_in', 'completed', 'no_show', 'cancelled', 'expired')),
    CONSTRAINT bookings_payment_state CHECK (payment_state IN
        ('not_required', 'awaiting', 'failed', 'paid', 'refund_due', 'refunded')),
    CONSTRAINT bookings_channel CHECK (channel IN ('customer', 'salon')),
    CONSTRAINT bookings_revision CHECK (revision >= 1),
    CONSTRAINT bookings_during CHECK (start_at < end_at),
    CONSTRAINT bookings_held_until CHECK ((state = 'held') = (hold_expire_at IS NOT NULL)),
    CONSTRAINT bookings_money CHECK
        (total_minor >= 0 AND paid_minor >= 0 AND fee_minor >= 0 AND refund_due_minor BETWEEN 0 AND paid_minor),
    CONSTRAINT bookings_texts CHECK (length(note) <= 500 AND length(cancellation_reason) <= 500)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX bookings_by_customer ON bookings (customer_id, start_at DESC, id DESC);
CREATE INDEX bookings_by_salon ON bookings (salon_id, start_at DESC, id DESC);
CREATE INDEX bookings_hold_due ON bookings (hold_expire_at) WHERE state = 'held';

CREATE TABLE booking_items (
    booking_id    uuid        NOT NULL,
    position      smallint    NOT NULL,
    id            uuid        NOT NULL,
    service_id    uuid        NOT NULL,
    service_names jsonb       NOT NULL,
    staff_id      uuid        NOT NULL,
    staff_names   jsonb       NOT NULL,
    staff_user_id uuid,
    add_on_ids    uuid[]      NOT NULL,
    start_at      timestamptz NOT NULL,
    end_at        timestamptz NOT NULL,
    price_minor   bigint      NOT NULL,
    CONSTRAINT booking_items_pkey PRIMARY KEY (booking_id, position),
    CONSTRAINT booking_items_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT booking_items_position CHECK (position BETWEEN 0 AND 7),
    CONSTRAINT booking_items_during CHECK (start_at < end_at),
    CONSTRAINT booking_items_price CHECK (price_minor >= 0)
);
CREATE INDEX booking_items_by_staff ON booking_items (staff_id, start_at DESC);
"""

# One resource for one time range, preparation and clean-up included, on behalf of a booking; a blocked one has none.
# The exclusion constraint is the last word on double booking, whatever the code does. Its predicate cannot know the
# time, so a hold that is over keeps others out until it is expired.
CLAIMS = """
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE claims (
    id          uuid        NOT NULL DEFAULT uuidv7(),
    booking_id  uuid,
    resource_id uuid        NOT NULL,
    during      tstzrange   NOT NULL,
    state       text        NOT NULL,
    expires_at  timestamptz,
    CONSTRAINT claims_pkey PRIMARY KEY (id),
    CONSTRAINT claims_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT claims_during CHECK (NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)
        AND NOT lower_inf(during) AND NOT upper_inf(during)),
    CONSTRAINT claims_state CHECK (state IN
        ('held', 'pending', 'confirmed', 'checked_in', 'blocked', 'released')),
    CONSTRAINT claims_owner CHECK ((booking_id IS NULL) = (state = 'blocked') OR state = 'released'),
    CONSTRAINT claims_held_until CHECK ((state = 'held') = (expires_at IS NOT NULL)),
    CONSTRAINT claims_no_overlap EXCLUDE USING gist (resource_id WITH =, during WITH &&)
        WHERE (state <> 'released')
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX claims_by_booking ON claims (booking_id);
"""

HISTORY = """
CREATE TABLE booking_history (
    booking_id uuid        NOT NULL,
    revision   bigint      NOT NULL,
    action     text        NOT NULL,
    actor      text        NOT NULL,
    at         timestamptz NOT NULL,
    from_state text,
    to_state   text        NOT NULL,
    reason     text        NOT NULL,
    from_start timestamptz,
    to_start   timestamptz,
    CONSTRAINT booking_history_pkey PRIMARY KEY (booking_id, revision),
    CONSTRAINT booking_history_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT booking_history_moved CHECK ((from_start IS NULL) = (to_start IS NULL))
);
"""

COUNTERS = """
CREATE TABLE customer_counters (
    salon_id    uuid    NOT NULL,
    customer_id uuid    NOT NULL,
    active      integer NOT NULL,
    CONSTRAINT customer_counters_pkey PRIMARY KEY (salon_id, customer_id),
    CONSTRAINT customer_counters_active CHECK (active >= 0)
) WITH (fillfactor = 70);
"""

# The lifecycle as the database knows it. An expired booking comes back only for a payment that arrived late and
# could take its time again.
LIFECYCLE = """
CREATE FUNCTION bookings_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision <> OLD.revision + 1 THEN
        RAISE EXCEPTION 'revision % cannot follow %', NEW.revision, OLD.revision
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bookings_revision_follows', TABLE = 'bookings';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state || ' ' || NEW.state) NOT IN (
        'held pending', 'held confirmed', 'held cancelled', 'held expired',
        'pending confirmed', 'pending cancelled', 'pending expired',
        'confirmed checked_in', 'confirmed cancelled', 'confirmed no_show',
        'checked_in completed', 'checked_in no_show',
        'expired pending', 'expired confirmed'
    ) THEN
        RAISE EXCEPTION 'a booking that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bookings_lifecycle', TABLE = 'bookings';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bookings_lifecycle BEFORE UPDATE ON bookings
    FOR EACH ROW EXECUTE FUNCTION bookings_lifecycle();
"""

# A statement cannot take itself back by its own result; raising does. `what` tells the caller apart.
REFUSE = """
CREATE FUNCTION refuse(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', what USING ERRCODE = 'check_violation', CONSTRAINT = what;
END $$;
"""

READ_WRITE = (
    "bookings",
    "booking_items",
    "claims",
    "customer_counters",
    "outbox",
    "inbox",
    "dead_letters",
    "replies",
)


def upgrade() -> None:
    for statement in (
        *(BOOKINGS, CLAIMS, HISTORY, COUNTERS, LIFECYCLE, REFUSE),
        *(ddl.OUTBOX_V1, ddl.INBOX_V1, ddl.DEAD_LETTERS_V1, ddl.REPLIES_V1),
        ddl.grants("booking_app", read_write=READ_WRITE, append_only=["booking_history"]),
    ):
        op.execute(statement)
