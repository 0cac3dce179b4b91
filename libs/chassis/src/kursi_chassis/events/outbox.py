"""The outbox: written in the transaction that made an event true, read by the relay that publishes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from kursi_chassis.db.database import Connection
from kursi_chassis.events.envelope import Event

INSERT_EVENTS: Final[LiteralString] = """
INSERT INTO outbox (event_id, subject, aggregate_id, revision, headers, payload)
SELECT event.event_id, event.subject, event.aggregate_id, event.revision, event.headers, event.payload
FROM unnest(%(outbox_event_ids)s::uuid[], %(outbox_subjects)s::text[], %(outbox_aggregate_ids)s::uuid[],
            %(outbox_revisions)s::bigint[], %(outbox_headers)s::jsonb[], %(outbox_payloads)s::bytea[])
    AS event (event_id, subject, aggregate_id, revision, headers, payload)
"""
"""For a statement that writes the change and its events at once; a WHERE may follow. See `parameters`."""

KEPT: Final = timedelta(days=7)
"""How long published rows stay, so that what a broker loses can be published again."""


def parameters(*events: Event) -> dict[str, object]:
    """What `INSERT_EVENTS` needs, under names that begin with `outbox_`."""
    return {
        "outbox_event_ids": [event.event_id for event in events],
        "outbox_subjects": [event.subject for event in events],
        "outbox_aggregate_ids": [event.aggregate_id for event in events],
        "outbox_revisions": [event.revision for event in events],
        "outbox_headers": [Jsonb(event.wire_headers()) for event in events],
        "outbox_payloads": [event.payload for event in events],
    }


async def append(connection: Connection, *events: Event) -> None:
    """Add events to the outbox, in this order, in one statement. They are published once this commits."""
    if events:
        await connection.execute(INSERT_EVENTS, parameters(*events))


async def append_many(connection: Connection, events: Sequence[Event]) -> None:
    """The same for hundreds of events: a COPY costs a third of the processor time that arrays do."""
    statement = "COPY outbox (event_id, subject, aggregate_id, revision, headers, payload) FROM STDIN"
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for event in events:
            headers = Jsonb(event.wire_headers())
            await copy.write_row(
                (event.event_id, event.subject, event.aggregate_id, event.revision, headers, event.payload)
            )


async def prune(connection: Connection, kept: timedelta = KEPT) -> int:
    """Delete at most 5000 rows that were published longer than `kept` ago, and say how many."""
    cursor = await connection.execute(
        """
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE published_at < now() - %s ORDER BY published_at LIMIT 5000
        )
        """,
        [kept],
    )
    return cursor.rowcount
