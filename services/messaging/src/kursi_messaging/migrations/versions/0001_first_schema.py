"""Notifications and attempts, what is known of bookings and people, preferences, settings, reports."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0001"
down_revision = None

_NOTIFICATIONS = """
CREATE TABLE notifications (
    id                 uuid        NOT NULL,
    salon_id           uuid,
    booking_id         uuid,
    recipient_id       uuid        NOT NULL,
    audience           text        NOT NULL,
    event              text        NOT NULL,
    occurrence         text        NOT NULL,
    channel            text        NOT NULL,
    status             text        NOT NULL,
    skip_reason        text        NOT NULL DEFAULT '',
    error_code         text        NOT NULL DEFAULT '',
    priority           smallint    NOT NULL,
    due_at             timestamptz NOT NULL,
    pinned             boolean     NOT NULL DEFAULT false,
    booking_revision   bigint,
    facts              jsonb       NOT NULL,
    provider           text        NOT NULL DEFAULT '',
    external_id        text        NOT NULL DEFAULT '',
    delivery_status    text        NOT NULL DEFAULT '',
    provider_response  jsonb,
    masked_recipient   text        NOT NULL DEFAULT '',
    language_code      text        NOT NULL DEFAULT '',
    template           text        NOT NULL DEFAULT '',
    subject            text        NOT NULL DEFAULT '',
    body               text        NOT NULL DEFAULT '',
    html_body          text        NOT NULL DEFAULT '',
    attempt_count      integer     NOT NULL DEFAULT 0,
    max_retries        integer     NOT NULL DEFAULT 3,
    possible_duplicate boolean     NOT NULL DEFAULT false,
    lease_token        uuid,
    lease_until        timestamptz,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    sent_at            timestamptz,
    delivered_at       timestamptz,
    opened_at          timestamptz,
    clicked_at         timestamptz,
    CONSTRAINT notifications_pkey PRIMARY KEY (id),
    CONSTRAINT notifications_once UNIQUE NULLS NOT DISTINCT
        (booking_id, recipient_id, event, channel, occurrence, audience, salon_id),
    CONSTRAINT notifications_audience CHECK (audience IN ('customer', 'staff_member')),
    CONSTRAINT notifications_event CHECK (event IN (
        'booking_created', 'booking_confirmed', 'booking_rescheduled', 'booking_cancelled',
        'payment_captured', 'payment_failed', 'reminder', 'manual')),
    CONSTRAINT notifications_channel CHECK (channel IN ('email', 'sms', 'whatsapp')),
    CONSTRAINT notifications_status CHECK (status IN (
        'pending', 'scheduled', 'deferred', 'sending', 'sent', 'delivered', 'opened', 'clicked',
        'failed', 'bounced', 'skipped', 'cancelled', 'dead')),
    CONSTRAINT notifications_skipped_says_why CHECK (status <> 'skipped' OR skip_reason <> ''),
    CONSTRAINT notifications_failed_says_why CHECK (status NOT IN ('failed', 'dead') OR error_code <> ''),
    CONSTRAINT notifications_sending_is_leased CHECK (
        (status = 'sending') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT notifications_attempts CHECK (attempt_count >= 0 AND max_retries >= 0)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

-- What the dispatcher claims from: a range of due_at inside one priority, never the whole table.
CREATE INDEX notifications_due ON notifications (priority, due_at, id)
    WHERE status IN ('pending', 'scheduled', 'deferred');
CREATE INDEX notifications_leased ON notifications (lease_until) WHERE status = 'sending';
-- Who is being written to right now: the next message to the same person waits for the one under way.
CREATE INDEX notifications_in_flight ON notifications (recipient_id, channel) WHERE status = 'sending';
CREATE INDEX notifications_scheduled_by_salon ON notifications (salon_id, due_at, id)
    WHERE status IN ('pending', 'scheduled', 'deferred');
CREATE INDEX notifications_by_salon ON notifications (salon_id, id DESC);
CREATE INDEX notifications_by_recipient ON notifications (recipient_id, id DESC);
CREATE INDEX notifications_by_external_id ON notifications (provider, external_id) WHERE external_id <> '';
CREATE INDEX notifications_created_at ON notifications USING brin (created_at);
"""

# A claim loop changes two states per message, so the rule is an expression in the trigger, not a look-up.
_TRANSITIONS = """
CREATE FUNCTION notification_may_become(before text, after text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE before
        WHEN 'pending'   THEN after IN ('scheduled', 'deferred', 'sending', 'skipped', 'cancelled')
        WHEN 'scheduled' THEN after IN ('pending', 'deferred', 'sending', 'skipped', 'cancelled')
        WHEN 'deferred'  THEN after IN ('pending', 'scheduled', 'sending', 'skipped', 'cancelled')
        WHEN 'sending'   THEN after IN ('pending', 'deferred', 'sent', 'delivered', 'opened', 'clicked',
                                        'failed', 'bounced', 'skipped', 'dead')
        WHEN 'sent'      THEN after IN ('delivered', 'opened', 'clicked', 'failed', 'bounced')
        WHEN 'delivered' THEN after IN ('opened', 'clicked', 'bounced')
        WHEN 'opened'    THEN after = 'clicked'
        WHEN 'failed'    THEN after = 'pending'
        WHEN 'dead'      THEN after = 'pending'
        WHEN 'cancelled' THEN after = 'scheduled'
        ELSE false
    END
$$;

CREATE FUNCTION refuse_illegal_notification_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'notification % may not go from % to %', old.id, old.status, new.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'notifications_transition', TABLE = 'notifications';
END
$$;

CREATE TRIGGER notifications_transition BEFORE UPDATE OF status ON notifications FOR EACH ROW
    WHEN (old.status <> new.status AND NOT notification_may_become(old.status, new.status))
    EXECUTE FUNCTION refuse_illegal_notification_transition();
"""

_ATTEMPTS = """
CREATE TABLE attempts (
    notification_id   uuid        NOT NULL,
    number            integer     NOT NULL,
    provider          text        NOT NULL,
    lease_token       uuid        NOT NULL,
    dispatched_at     timestamptz NOT NULL,
    finished_at       timestamptz,
    outcome           text,
    code              text        NOT NULL DEFAULT '',
    provider_response jsonb,
    CONSTRAINT attempts_pkey PRIMARY KEY (notification_id, number),
    CONSTRAINT attempts_notification FOREIGN KEY (notification_id) REFERENCES notifications ON DELETE CASCADE,
    CONSTRAINT attempts_number CHECK (number >= 1),
    CONSTRAINT attempts_outcome CHECK (outcome IN ('accepted', 'refused', 'retryable', 'ambiguous')),
    CONSTRAINT attempts_finished CHECK (outcome IS NULL OR finished_at IS NOT NULL)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX attempts_unfinished ON attempts (dispatched_at) WHERE outcome IS NULL;
"""

_KNOWN = """
CREATE TABLE booking_view (
    booking_id     uuid        NOT NULL,
    salon_id       uuid        NOT NULL,
    customer_id    uuid        NOT NULL,
    staff_user_ids uuid[]      NOT NULL,
    state          text        NOT NULL,
    last_revision  bigint      NOT NULL,
    gaps           integer     NOT NULL DEFAULT 0,
    start_at       timestamptz NOT NULL,
    end_at         timestamptz NOT NULL,
    time_zone      text        NOT NULL,
    facts          jsonb       NOT NULL,
    changed_at     timestamptz NOT NULL,
    CONSTRAINT booking_view_pkey PRIMARY KEY (booking_id)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX booking_view_by_customer ON booking_view (customer_id, start_at);
CREATE INDEX booking_view_by_salon ON booking_view (salon_id, start_at);

CREATE TABLE people (
    user_id       uuid        NOT NULL,
    language_code text        NOT NULL DEFAULT '',
    time_zone     text        NOT NULL DEFAULT '',
    revision      bigint      NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (user_id)
);
"""

_CHOICES = """
CREATE TABLE preferences (
    user_id             uuid        NOT NULL,
    toggles             jsonb       NOT NULL DEFAULT '{}',
    preferred_method    text        NOT NULL DEFAULT 'unspecified',
    quiet_hours_enabled boolean     NOT NULL DEFAULT false,
    quiet_hours_start   time        NOT NULL DEFAULT '22:00',
    quiet_hours_end     time        NOT NULL DEFAULT '07:00',
    revision            bigint      NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT preferences_pkey PRIMARY KEY (user_id),
    CONSTRAINT preferences_method CHECK (
        preferred_method IN ('unspecified', 'email_only', 'text_only', 'both'))
);

CREATE TABLE salon_settings (
    salon_id              uuid        NOT NULL,
    customer_channels     text[]      NOT NULL,
    staff_channels        text[]      NOT NULL,
    reminders             jsonb       NOT NULL,
    default_language_code text        NOT NULL,
    revision              bigint      NOT NULL,
    updated_at            timestamptz NOT NULL,
    CONSTRAINT salon_settings_pkey PRIMARY KEY (salon_id)
);

-- The address is hashed: the list has to be compared with, never read.
CREATE TABLE suppressions (
    channel      text        NOT NULL,
    address_hash bytea       NOT NULL,
    reason       text        NOT NULL,
    created_at   timestamptz NOT NULL,
    CONSTRAINT suppressions_pkey PRIMARY KEY (channel, address_hash)
);
"""

_REPORTS = """
CREATE TABLE delivery_reports (
    id              uuid        NOT NULL,
    provider        text        NOT NULL,
    fingerprint     bytea       NOT NULL,
    notification_id uuid,
    external_id     text        NOT NULL DEFAULT '',
    status          text        NOT NULL,
    reported_status text        NOT NULL DEFAULT '',
    error_code      text        NOT NULL DEFAULT '',
    payload         bytea       NOT NULL,
    state           text        NOT NULL,
    received_at     timestamptz NOT NULL,
    settled_at      timestamptz,
    CONSTRAINT delivery_reports_pkey PRIMARY KEY (id),
    CONSTRAINT delivery_reports_once UNIQUE (provider, fingerprint),
    CONSTRAINT delivery_reports_state CHECK (state IN ('parked', 'applied', 'ignored'))
);
CREATE INDEX delivery_reports_parked ON delivery_reports (received_at) WHERE state = 'parked';
CREATE INDEX delivery_reports_parked_about ON delivery_reports (notification_id) WHERE state = 'parked';
CREATE INDEX delivery_reports_received_at ON delivery_reports USING brin (received_at);
"""

_READ_WRITE = (
    "notifications", "attempts", "booking_view", "people", "preferences", "salon_settings", "suppressions",
    "delivery_reports", "outbox", "inbox", "dead_letters", "replies",
)  # fmt: skip


def upgrade() -> None:
    for statements in (
        _NOTIFICATIONS, _TRANSITIONS, _ATTEMPTS, _KNOWN, _CHOICES, _REPORTS,
        ddl.OUTBOX_V1, ddl.INBOX_V1, ddl.DEAD_LETTERS_V1, ddl.REPLIES_V1, ddl.AUDIT_V1,
        ddl.grants("messaging_app", read_write=_READ_WRITE, append_only=["audit"]),
    ):  # fmt: skip
        op.execute(statements)
