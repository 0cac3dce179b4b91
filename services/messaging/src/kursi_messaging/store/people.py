"""The language and the zone of people, as identity's events tell them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.db.database import Connection


@dataclass(frozen=True, slots=True)
class Person:
    """What messaging remembers of an account at a revision, and the trace of what changed it; empty for none."""

    user_id: UUID
    language: str
    time_zone: str
    revision: int
    traceparent: str


async def zones(connection: Connection, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """The zones of those among these people whose zone is known."""
    cursor = await connection.execute(
        "SELECT user_id, time_zone FROM people WHERE user_id = ANY (%s)", [list(user_ids)]
    )
    return {user_id: zone for user_id, zone in await cursor.fetchall() if zone}


async def remember(connection: Connection, people: Sequence[Person]) -> None:
    """Keep what is newer than what is known; at most one entry per person."""
    await connection.execute(
        """
        INSERT INTO people (user_id, language_code, time_zone, revision)
        SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[])
        ON CONFLICT (user_id) DO UPDATE SET
            language_code = excluded.language_code, time_zone = excluded.time_zone,
            revision = excluded.revision
        WHERE people.revision < excluded.revision
        """,
        [
            [person.user_id for person in people],
            [person.language for person in people],
            [person.time_zone for person in people],
            [person.revision for person in people],
        ],
    )
