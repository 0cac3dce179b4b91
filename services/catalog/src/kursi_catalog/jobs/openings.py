"""Keeps what search knows about opening times ahead of the clock."""

from datetime import timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.jobs import Job

from kursi_catalog.store import openings

_EVERY = timedelta(hours=1)
_KNOWN_AHEAD = openings.AHEAD - timedelta(days=1)
_BATCH = 100
"""A batch holds the locks of its salons for about a tenth of a second."""


def openings_job(database: Database, clock: Clock) -> Job:
    """Brings each salon's times up to date once a day, in small transactions: it may stop after any of them."""

    async def refresh_due() -> None:
        while await _refresh_batch(database, clock):
            pass

    return Job("refresh_openings", _EVERY, refresh_due)


async def _refresh_batch(database: Database, clock: Clock) -> bool:
    now = clock.now()
    async with database.transaction() as connection:
        due = await openings.lock_due(connection, now + _KNOWN_AHEAD, _BATCH)
        await openings.refresh(connection, due, now)
    return bool(due)
