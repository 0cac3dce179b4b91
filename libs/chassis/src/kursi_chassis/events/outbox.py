"""The outbox: written in the transaction that made an event true, read by the relay that publishes it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from kursi_chassis.db.database import Connection
from kursi_chassis.events.envelope import Event

INSERT_EVENTS: Final[LiteralString] = """
INSERT INTO outbox (event_id, subject, aggregate_id, revision, headers, payload)
SELECT event.event_id, event.subject, event.aggregate_id, event.revision, event.headers, decode(event.payload, 'base64')
FROM jsonb_to_recordset(%(outbox_events)s) AS event (
    event_id uuid, subject text, aggregate_id uuid, revision bigint, headers jsonb, payload text)
"""
"""For a statement that writes the change and its events at once; a WHERE may follow. See `parameters`."""

KEPT: Final = timedelta(days=7)
"""How long published rows stay, so that what a broker loses can be published again."""


def parameters(*events: Event) -> dict[str, object]:
    """What `INSERT_EVENTS` needs. One document costs the driver a twentieth of the processor time that an array per
    column does, as it escapes every quote of an array of documents by itself.
    """
    return {"outbox_events": Jsonb([_document(event) for event in events])}


def _document(event: Event) -> dict[str, object]:
    return {
        "event_id": str(event.event_id),
        "subject": event.subject,
        "aggregate_id": str(event.aggregate_id),
        "revision": event.revision,
        "headers": event.wire_headers(),
        "payload": b64encode(event.payload).decode(),
    }


async def append(connection: Connection, *events: Event) -> None:
    """Add events to the outbox, in this order, in one statement. They are published once this commits."""
    if events:
        await connection.execute(INSERT_EVENTS, parameters(*events))


async def append_many(connection: Connection, events: Sequence[Event]) -> None:
    """The same for hundreds of events, by COPY."""
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
