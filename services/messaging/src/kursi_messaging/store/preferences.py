"""What people chose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kursi_messaging.domain.preferences import NO_PREFERENCES, Preferences, PreferredMethod
from kursi_messaging.domain.words import Channel, Event


@dataclass(frozen=True, slots=True)
class _Row:
    user_id: UUID
    toggles: dict[str, bool]
    preferred_method: str
    quiet_hours_enabled: bool
    quiet_hours_start: time
    quiet_hours_end: time
    revision: int


async def read_many(connection: Connection, user_ids: Collection[UUID]) -> dict[UUID, Preferences]:
    """The choices of those among these people who made any."""
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            "SELECT user_id, toggles, preferred_method, quiet_hours_enabled, quiet_hours_start, "
            "quiet_hours_end, revision FROM preferences WHERE user_id = ANY (%s)",
            [list(user_ids)],
        )
        return {row.user_id: _preferences(row) for row in await cursor.fetchall()}


async def read(connection: Connection, user_id: UUID) -> Preferences:
    """One person's choices; the defaults for somebody who made none."""
    return (await read_many(connection, [user_id])).get(user_id, NO_PREFERENCES)


async def write(connection: Connection, user_id: UUID, chosen: Preferences, now: datetime) -> None:
    """Store a person's choices as they are in `chosen`, its revision included.

    The caller holds the person's planning lock, so nobody else writes between its reading and this.
    """
    await connection.execute(
        """
        INSERT INTO preferences (user_id, toggles, preferred_method, quiet_hours_enabled, quiet_hours_start,
                                 quiet_hours_end, revision, updated_at)
        VALUES (%(user_id)s, %(toggles)s, %(method)s, %(enabled)s, %(start)s, %(end)s, %(revision)s, %(now)s)
        ON CONFLICT (user_id) DO UPDATE SET
            toggles = excluded.toggles, preferred_method = excluded.preferred_method,
            quiet_hours_enabled = excluded.quiet_hours_enabled,
            quiet_hours_start = excluded.quiet_hours_start, quiet_hours_end = excluded.quiet_hours_end,
            revision = excluded.revision, updated_at = excluded.updated_at
        """,
        {
            "user_id": user_id,
            "toggles": Jsonb({f"{event}.{channel}": on for (event, channel), on in chosen.toggles.items()}),
            "method": chosen.method.value,
            "enabled": chosen.quiet_hours_enabled,
            "start": chosen.quiet_start,
            "end": chosen.quiet_end,
            "revision": chosen.revision,
            "now": now,
        },
    )


def _preferences(row: _Row) -> Preferences:
    return Preferences(
        toggles={_toggle(name): enabled for name, enabled in row.toggles.items()},
        method=PreferredMethod(row.preferred_method),
        quiet_hours_enabled=row.quiet_hours_enabled,
        quiet_start=row.quiet_hours_start,
        quiet_end=row.quiet_hours_end,
        revision=row.revision,
    )


def _toggle(name: str) -> tuple[Event, Channel]:
    event, _, channel = name.partition(".")
    return Event(event), Channel(channel)
