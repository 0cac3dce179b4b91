"""Forgetting who waited, once that is long over."""

from datetime import timedelta
from typing import Final

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.jobs import Job

ENTRIES_KEPT: Final = timedelta(days=90)
"""After an entry has ended: a season, in which a salon may ask what became of it. Its booking stays."""
_EVERY: Final = timedelta(hours=1)
_BATCH: Final = 500


class WaitlistRetention:
    """Deletes entries with their offers and history in small batches, each a transaction, so that nobody waits for it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def job(self) -> Job:
        """The periodic job."""
        return Job("forget_waitlist", _EVERY, self.run)

    async def run(self) -> None:
        """Delete all that is due. Whoever still waits stays, however long."""
        limit, deleted = self._clock.now() - ENTRIES_KEPT, _BATCH
        while deleted == _BATCH:
            async with self._database.transaction() as connection:
                cursor = await connection.execute("SELECT forget_waitlist(%s, %s)", [limit, _BATCH])
                (deleted,) = await cursor.fetchone() or (0,)
