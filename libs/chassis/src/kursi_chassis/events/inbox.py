"""The inbox: which events a consumer has already taken into account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from kursi_chassis.db.database import Connection

KEPT: Final = timedelta(days=35)
"""Longer than the streams keep events (30 days), so that whatever can still be delivered is still known."""


async def claim(connection: Connection, consumer: str, event_ids: Iterable[UUID]) -> set[UUID]:
    """The events among these that `consumer` has not seen; from now on it has, if the transaction commits.

    The first statement of the transaction that has the effect. A twin that handles the same event at the
    same time waits here until the other has committed, and then finds nothing new. Ids are taken in order,
    so that two batches that overlap wait for each other instead of deadlocking.
    """
    cursor = await connection.execute(
        """
        INSERT INTO inbox (consumer, event_id)
        SELECT %s, event_id FROM unnest(%s::uuid[]) AS event (event_id)
        ON CONFLICT DO NOTHING RETURNING event_id
        """,
        [consumer, sorted(set(event_ids))],
    )
    return {event_id for (event_id,) in await cursor.fetchall()}


async def prune(connection: Connection, kept: timedelta = KEPT) -> int:
    """Delete at most 5000 rows older than `kept`, and say how many."""
    cursor = await connection.execute(
        """
        DELETE FROM inbox WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM inbox WHERE received_at < now() - %s LIMIT 5000
        ))
        """,
        [kept],
    )
    return cursor.rowcount
