"""People, codes, sessions, keys, members, and the audit of all of it."""

from alembic import op
from kursi_chassis.db.ddl import AUDIT_V1, OUTBOX_V1, REPLIES_V1, grants

revision = "0001"
down_revision = None

USERS = """
CREATE TABLE users (
    id            uuid        NOT NULL,
    phone_number  text,
    email         text,
    display_name  text        NOT NULL DEFAULT '',
    language_code text        NOT NULL,
    time_zone     text        NOT NULL DEFAULT '',
    revision      bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_phone_number_key UNIQUE (phone_number),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_reachable CHECK (phone_number IS NOT NULL OR email IS NOT NULL),
    CONSTRAINT users_phone_number_e164 CHECK (phone_number ~ '^\\+[1-9][0-9]{6,14}$'),
    CONSTRAINT users_email_lower CHECK (email = lower(email) AND length(email) <= 254),
    CONSTRAINT users_display_name_length CHECK (length(display_name) <= 80)
);
"""

# A code is stored only as a keyed hash over its request's id. `unsent`: every provider refused
# to send it, so it counts for no limit of its number and cannot be used.
OTP_REQUESTS = """
CREATE TABLE otp_requests (
    id          uuid        NOT NULL,
    purpose     text        NOT NULL,
    channel     text        NOT NULL,
    destination text        NOT NULL,
    address     text        NOT NULL,
    user_id     uuid,
    session_id  uuid,
    code_hash   bytea       NOT NULL,
    attempts    smallint    NOT NULL DEFAULT 0,
    state       text        NOT NULL DEFAULT 'requested',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    CONSTRAINT otp_requests_pkey PRIMARY KEY (id),
    CONSTRAINT otp_requests_purpose CHECK (purpose IN ('auth', 'verify', 'step_up')),
    CONSTRAINT otp_requests_channel CHECK (channel IN ('sms', 'whatsapp', 'email')),
    CONSTRAINT otp_requests_state CHECK (state IN ('requested', 'unsent')),
    CONSTRAINT otp_requests_hash CHECK (octet_length(code_hash) = 32),
    CONSTRAINT otp_requests_attempts CHECK (attempts BETWEEN 0 AND 20),
    CONSTRAINT otp_requests_bound CHECK
        ((purpose = 'auth') = (user_id IS NULL) AND (user_id IS NULL) = (session_id IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX otp_requests_by_destination ON otp_requests (destination, created_at DESC);
CREATE INDEX otp_requests_by_address ON otp_requests (address, created_at DESC);
CREATE INDEX otp_requests_created_at ON otp_requests USING brin (created_at);

CREATE TABLE otp_daily_counts (
    calling_code text    NOT NULL,
    day          date    NOT NULL,
    requests     integer NOT NULL,
    CONSTRAINT otp_daily_counts_pkey PRIMARY KEY (calling_code, day)
) WITH (fillfactor = 50);
"""

SESSIONS = """
CREATE TABLE sessions (
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    device_label text        NOT NULL,
    created_at   timestamptz NOT NULL,
    auth_at      timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT sessions_device_label_length CHECK (length(device_label) <= 80)
);
CREATE INDEX sessions_live_by_user ON sessions (user_id, created_at DESC) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash bytea       NOT NULL,
    session_id uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash),
    CONSTRAINT refresh_tokens_hash CHECK (octet_length(token_hash) = 32),
    CONSTRAINT refresh_tokens_session_id_fkey
        FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
"""

# A removed member's row stays: its revision goes on counting when the person comes back, so that events of
# one membership never run backwards.
MEMBERS = """
CREATE TABLE members (
    id            uuid        NOT NULL,
    salon_id      uuid        NOT NULL,
    user_id       uuid,
    invited_phone text,
    role          text        NOT NULL,
    state         text        NOT NULL,
    revision      bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (id),
    CONSTRAINT members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT members_salon_user_key UNIQUE (salon_id, user_id),
    CONSTRAINT members_salon_invited_phone_key UNIQUE (salon_id, invited_phone),
    CONSTRAINT members_role CHECK (role IN ('staff', 'manager', 'owner')),
    CONSTRAINT members_state CHECK (state IN ('invited', 'active', 'removed')),
    CONSTRAINT members_person CHECK
        ((state = 'invited') = (user_id IS NULL) AND (state = 'invited') = (invited_phone IS NOT NULL))
);
CREATE INDEX members_by_user ON members (user_id) WHERE state = 'active';
CREATE INDEX members_by_invited_phone ON members (invited_phone) WHERE state = 'invited';
"""

# A retired key never signs again, so only its public half is kept until the last token it signed has expired.
SIGNING_KEYS = """
CREATE TABLE signing_keys (
    kid          text        NOT NULL,
    state        text        NOT NULL,
    public_jwk   jsonb       NOT NULL,
    private_key  bytea,
    created_at   timestamptz NOT NULL,
    activated_at timestamptz,
    verify_until timestamptz,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_state CHECK (state IN ('next', 'active', 'retired')),
    CONSTRAINT signing_keys_private CHECK ((private_key IS NULL) = (state = 'retired')),
    CONSTRAINT signing_keys_retired_until CHECK ((verify_until IS NOT NULL) = (state = 'retired')),
    CONSTRAINT signing_keys_activated CHECK ((activated_at IS NULL) = (state = 'next'))
);
CREATE UNIQUE INDEX signing_keys_one_each ON signing_keys (state) WHERE state IN ('next', 'active');
"""


def upgrade() -> None:
    for statements in (USERS, OTP_REQUESTS, SESSIONS, MEMBERS, SIGNING_KEYS, OUTBOX_V1, REPLIES_V1, AUDIT_V1):
        op.execute(statements)
    op.execute(
        grants(
            "identity_app",
            read_write=[
                "users", "otp_requests", "otp_daily_counts", "sessions", "refresh_tokens", "members",
                "signing_keys", "outbox", "replies",
            ],
            append_only=["audit"],
        )
    )  # fmt: skip
