"""Tables that several services have alike, as SQL for their migrations.

A constant is never edited once a migration that uses it is merged: the next shape is called `_V2` and comes
with a migration of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

OUTBOX_V1 = """
CREATE TABLE outbox (
    id           bigint      GENERATED ALWAYS AS IDENTITY,
    event_id     uuid        NOT NULL,
    subject      text        NOT NULL,
    aggregate_id uuid        NOT NULL,
    revision     bigint      NOT NULL,
    headers      jsonb       NOT NULL,
    payload      bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    stream_seq   bigint,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_event_id_key UNIQUE (event_id),
    CONSTRAINT outbox_published_with_seq CHECK ((published_at IS NULL) = (stream_seq IS NULL))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL;
CREATE INDEX outbox_stream_seq ON outbox (stream_seq) WHERE stream_seq IS NOT NULL;
"""
"""What happened and has to be told. Written in the transaction of the change, published by the relay."""

INBOX_V1 = """
CREATE TABLE inbox (
    consumer    text        NOT NULL,
    event_id    uuid        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX inbox_received_at ON inbox USING brin (received_at);
"""
"""Which events a consumer has taken into account. Written in the transaction of the effect."""

DEAD_LETTERS_V1 = """
CREATE TABLE dead_letters (
    id          uuid        NOT NULL DEFAULT uuidv7(),
    consumer    text        NOT NULL,
    stream      text        NOT NULL,
    stream_seq  bigint      NOT NULL,
    event_id    uuid,
    subject     text        NOT NULL,
    headers     jsonb       NOT NULL,
    payload     bytea       NOT NULL,
    error_class text        NOT NULL,
    attempts    integer     NOT NULL,
    first_at    timestamptz NOT NULL DEFAULT now(),
    last_at     timestamptz NOT NULL DEFAULT now(),
    state       text        NOT NULL,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_delivery_key UNIQUE NULLS NOT DISTINCT (consumer, stream, stream_seq, event_id),
    CONSTRAINT dead_letters_state CHECK (state IN ('retrying', 'dead', 'replaying', 'replayed'))
);
CREATE INDEX dead_letters_by_state ON dead_letters (state, consumer, id);
"""
"""Events that a consumer fails on: `retrying` while it still tries, `dead` when it gave up."""

REPLIES_V1 = """
CREATE TABLE replies (
    caller      text        NOT NULL,
    method      text        NOT NULL,
    request_id  text        NOT NULL,
    fingerprint bytea       NOT NULL,
    response    bytea       NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT replies_pkey PRIMARY KEY (caller, method, request_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX replies_created_at ON replies USING brin (created_at);
"""
"""Answers already given, by idempotency key. Written in the transaction of the change."""

AUDIT_V1 = """
CREATE TABLE audit (
    id          uuid        NOT NULL DEFAULT uuidv7(),
    at          timestamptz NOT NULL DEFAULT now(),
    actor       text        NOT NULL,
    action      text        NOT NULL,
    salon_id    uuid,
    target_type text        NOT NULL,
    target_id   text        NOT NULL,
    before      jsonb,
    after       jsonb,
    address     text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_by_salon ON audit (salon_id, id DESC);
CREATE INDEX audit_by_target ON audit (target_type, target_id, id DESC);
CREATE INDEX audit_by_actor ON audit (actor, id DESC);
"""
"""Who changed what. Append-only for the running service: grant it with `append_only`."""


FOLD_TEXT_V1 = r"""
CREATE FUNCTION fold_text(original text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN trim(regexp_replace(
        translate(
            lower(regexp_replace(
                normalize(original, NFKD),
                U&'[\0300-\036F\0610-\061A\0640\064B-\065F\0670\06D6-\06DC\06DF-\06E4\06E7\06E8\06EA-\06ED]',
                '', 'g')),
            'ٱىیکةەہ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹',
            'اييكههه01234567890123456789'),
        '[[\:space\:]]+', ' ', 'g'))
"""
"""`fold_text(text)`: what is left of a text when everything is taken away in which people write it differently.

Arabic is written with and without vowel signs, hamzas, stretched letters and two-dotted final letters; Latin letters with
and without accents. NFKD splits a letter from its marks (also alef, waw and ya from their hamza), the expression drops
the marks and the tatweel, and translate() folds the letters that Unicode keeps apart.
"""

SEARCH_KEY_V1 = """
CREATE FUNCTION search_key(original text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN translate(fold_text(original),
        'ابتثجحخدذرزسشصضطظعغفقكلمنهويپچژگڤء',
        'abtvjhxdzrzscsdtzegfqklmnhwypcjgv')
"""
"""`search_key(text)`: the same for trigrams. Needs `FOLD_TEXT_V1`.

pg_trgm takes letters out of the database's ctype, and in the C ctype only ASCII has any. Writing Arabic letters as the
nearest Latin one keeps search the same under every ctype, lets letters that are often mistaken for each other (sad and
sin, ta and tah, ha and hah) match, and brings ناتالي close to "natali".
"""


def grants(role: str, *, read_write: Sequence[str] = (), append_only: Sequence[str] = ()) -> str:
    """SQL that lets the running service's `role` use its tables, and nothing else.

    `append_only` tables can be read and added to; changing or deleting what stands there needs the owner.
    """
    statements = [
        *(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role};" for table in read_write),
        *(f"GRANT SELECT, INSERT ON {table} TO {role};" for table in append_only),
    ]
    return "\n".join(statements)
