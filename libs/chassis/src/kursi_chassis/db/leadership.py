"""One leader per database and duty, elected by an advisory lock that lives as long as its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.roles import pause

_SECONDS_BETWEEN_TRIES = 0.5


@asynccontextmanager
async def leadership(
    database: Database, duty: str, stopping: asyncio.Event
) -> AsyncIterator[Connection | None]:
    """Wait until this process leads `duty`, then lend the very connection that holds the lock.

    A leader does its writing on that connection, so that a leader who lost the lock cannot write either.
    None means that `stopping` was set first.

    Raises:
        Unavailable: the database cannot be reached, or the connection was lost inside the block.
    """
    async with database.session() as connection:
        while not stopping.is_set():
            if await _try_lock(connection, duty):
                yield connection
                return
            await pause(stopping, _SECONDS_BETWEEN_TRIES)
    yield None


async def _try_lock(connection: Connection, duty: str) -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [duty])
    row = await cursor.fetchone()
    return bool(row and row[0])
