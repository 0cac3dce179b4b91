"""Payments, what moves for them, and what the provider told us."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0001"
down_revision = None

TRANSITIONS = """
CREATE TABLE payment_transitions (
    from_state text NOT NULL,
    to_state   text NOT NULL,
    CONSTRAINT payment_transitions_pkey PRIMARY KEY (from_state, to_state)
);
INSERT INTO payment_transitions (from_state, to_state) VALUES
    ('created', 'pending_action'), ('created', 'authorized'), ('created', 'captured'), ('created', 'failed'),
    ('pending_action', 'authorized'), ('pending_action', 'captured'), ('pending_action', 'failed'),
    ('pending_action', 'expired'),
    ('authorized', 'captured'), ('authorized', 'voided'),
    ('captured', 'partially_refunded'), ('captured', 'refunded'),
    ('partially_refunded', 'refunded'),
    ('expired', 'authorized'), ('expired', 'captured');
"""

PAYMENTS = """
CREATE TABLE payments (
    id                  uuid        NOT NULL,
    booking_id          uuid        NOT NULL,
    salon_id            uuid        NOT NULL,
    customer_id         uuid        NOT NULL,
    purpose             text        NOT NULL,
    state               text        NOT NULL,
    currency_code       text        NOT NULL,
    amount_minor        bigint      NOT NULL,
    authorized_minor    bigint      NOT NULL DEFAULT 0,
    captured_minor      bigint      NOT NULL DEFAULT 0,
    refunded_minor      bigint      NOT NULL DEFAULT 0,
    refunding_minor     bigint      NOT NULL DEFAULT 0,
    authorize_only      boolean     NOT NULL,
    provider            text        NOT NULL,
    handle              uuid        NOT NULL,
    redirect_url        text        NOT NULL DEFAULT '',
    failure_reason      text        NOT NULL DEFAULT '',
    card_last_four      text        NOT NULL DEFAULT '',
    is_late             boolean     NOT NULL DEFAULT false,
    sent_at             timestamptz,
    flagged             text        NOT NULL DEFAULT '',
    revision            bigint      NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    request_caller      text        NOT NULL,
    request_id          text,
    request_fingerprint bytea       NOT NULL,
    next_look_at        timestamptz,
    looked_at           timestamptz,
    asked_at            timestamptz,
    CONSTRAINT payments_pkey PRIMARY KEY (id),
    CONSTRAINT payments_handle_key UNIQUE (provider, handle),
    CONSTRAINT payments_handle_is_v4 CHECK (uuid_extract_version(handle) = 4),
    CONSTRAINT payments_purpose CHECK (purpose IN ('deposit', 'full', 'balance', 'no_show_fee', 'tip')),
    CONSTRAINT payments_state CHECK (state IN ('created', 'pending_action', 'authorized', 'captured',
        'partially_refunded', 'refunded', 'failed', 'voided', 'expired')),
    CONSTRAINT payments_currency CHECK (currency_code ~ '^[A-Z]{3}$'),
    CONSTRAINT payments_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT payments_authorized_within_amount CHECK (authorized_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT payments_captured_within_authorized CHECK (captured_minor BETWEEN 0 AND authorized_minor),
    CONSTRAINT payments_refunded_within_captured CHECK (
        refunded_minor >= 0 AND refunding_minor >= 0 AND refunded_minor + refunding_minor <= captured_minor),
    CONSTRAINT payments_refunded_fits_state CHECK (
        CASE state WHEN 'refunded' THEN refunded_minor = captured_minor
                   WHEN 'partially_refunded' THEN refunded_minor BETWEEN 1 AND captured_minor - 1
                   ELSE refunded_minor = 0 END),
    CONSTRAINT payments_captured_fits_state CHECK (
        (captured_minor > 0) = (state IN ('captured', 'partially_refunded', 'refunded'))),
    CONSTRAINT payments_card_last_four CHECK (card_last_four ~ '^([0-9]{4})?$')
);
CREATE UNIQUE INDEX payments_one_open ON payments (booking_id, purpose)
    WHERE state IN ('created', 'pending_action', 'authorized', 'captured') AND purpose <> 'tip' AND NOT is_late;
CREATE UNIQUE INDEX payments_request_key ON payments (request_caller, request_id);
CREATE INDEX payments_by_customer ON payments (customer_id, id DESC);
CREATE INDEX payments_by_salon ON payments (salon_id, id DESC);
CREATE INDEX payments_by_booking ON payments (booking_id, id);
CREATE INDEX payments_to_look_at ON payments (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE INDEX payments_to_sweep ON payments (looked_at)
    WHERE state IN ('authorized', 'captured', 'partially_refunded', 'expired') AND next_look_at IS NULL;
"""

# The graph holds for whoever writes: our code, an operator's console, a script.
GUARD = """
CREATE FUNCTION guard_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'created' THEN
            RAISE EXCEPTION 'a payment begins as created, not as %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.state <> OLD.state AND NOT EXISTS (
        SELECT FROM payment_transitions WHERE from_state = OLD.state AND to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'a payment that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_transition', TABLE = 'payments';
    END IF;
    IF NEW.captured_minor < OLD.captured_minor OR NEW.refunded_minor < OLD.refunded_minor
        OR NEW.revision < OLD.revision OR NEW.handle <> OLD.handle OR NEW.amount_minor <> OLD.amount_minor
        OR NEW.currency_code <> OLD.currency_code THEN
        RAISE EXCEPTION 'a payment never goes backwards'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_forward_only', TABLE = 'payments';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_guard BEFORE INSERT OR UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION guard_payment();
"""

MOVEMENTS = """
CREATE TABLE movements (
    id                    uuid        NOT NULL,
    payment_id            uuid        NOT NULL,
    kind                  text        NOT NULL,
    amount_minor          bigint      NOT NULL,
    progress              text        NOT NULL,
    reason                text        NOT NULL DEFAULT '',
    actor                 text        NOT NULL,
    refunded_before_minor bigint,
    sent_at               timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    request_caller        text        NOT NULL,
    request_method        text        NOT NULL,
    request_id            text,
    request_fingerprint   bytea       NOT NULL,
    CONSTRAINT movements_pkey PRIMARY KEY (id),
    CONSTRAINT movements_payment_fkey FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT movements_kind CHECK (kind IN ('capture', 'void', 'refund')),
    CONSTRAINT movements_progress CHECK (progress IN ('pending', 'succeeded', 'failed')),
    CONSTRAINT movements_amount_positive CHECK (amount_minor > 0),
    CONSTRAINT movements_written_ahead CHECK ((sent_at IS NULL) = (refunded_before_minor IS NULL))
);
CREATE UNIQUE INDEX movements_request_key ON movements (request_caller, request_method, request_id);
CREATE UNIQUE INDEX movements_one_decision ON movements (payment_id)
    WHERE kind IN ('capture', 'void') AND progress = 'pending';
CREATE INDEX movements_by_payment ON movements (payment_id, id);
CREATE FUNCTION guard_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.progress <> 'pending' AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a movement that % is settled', OLD.progress
            USING ERRCODE = 'check_violation', CONSTRAINT = 'movements_settled_once', TABLE = 'movements';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER movements_guard BEFORE UPDATE ON movements FOR EACH ROW EXECUTE FUNCTION guard_movement();
"""

PROVIDER_EVENTS = """
CREATE TABLE provider_events (
    provider    text        NOT NULL,
    event_id    text        NOT NULL,
    type        text        NOT NULL,
    handle      uuid,
    state       text        NOT NULL,
    received_at timestamptz NOT NULL,
    applied_at  timestamptz,
    CONSTRAINT provider_events_pkey PRIMARY KEY (provider, event_id),
    CONSTRAINT provider_events_state CHECK (state IN ('waiting', 'applied', 'ignored'))
);
CREATE INDEX provider_events_waiting ON provider_events (handle) WHERE state = 'waiting';
CREATE TABLE bookings (
    id        uuid    NOT NULL,
    revision  bigint  NOT NULL,
    has_ended boolean NOT NULL,
    CONSTRAINT bookings_pkey PRIMARY KEY (id)
);
"""


def upgrade() -> None:
    for statements in (TRANSITIONS, PAYMENTS, GUARD, MOVEMENTS, PROVIDER_EVENTS):
        op.execute(statements)
    for table in (ddl.OUTBOX_V1, ddl.INBOX_V1, ddl.DEAD_LETTERS_V1, ddl.REPLIES_V1, ddl.AUDIT_V1):
        op.execute(table)
    op.execute(
        ddl.grants(
            "payment_app", read_write=["outbox", "inbox", "dead_letters", "replies"], append_only=["audit"]
        )
    )
    op.execute("GRANT SELECT ON payment_transitions TO payment_app")
    # Rows about money are never deleted by what runs.
    op.execute(
        "GRANT SELECT, INSERT, UPDATE ON payments, movements, provider_events, bookings TO payment_app"
    )
