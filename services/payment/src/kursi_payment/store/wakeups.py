"""Hearing that there is something to do, without asking all the time."""

import asyncio

from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable

from kursi_payment.store.payments import WAKE_CHANNEL

_LONGEST_SECONDS = 1.0


class Wakeups:
    """Listens for commits that put a payment into the queue, from whichever process they come.

    A notification that is lost costs a second: the queue is a column, not the channel. A connection of its
    own listens while the block is open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until `stopping` is set."""
        while not stopping.is_set():
            try:
                async with self._database.session() as connection:
                    await connection.execute(f"LISTEN {WAKE_CHANNEL}")
                    self._woken.set()  # what was committed before we listened
                    while not stopping.is_set():
                        async for _ in connection.notifies(timeout=_LONGEST_SECONDS, stop_after=1):
                            self._woken.set()
            except Unavailable:
                await asyncio.sleep(_LONGEST_SECONDS)

    async def wait(self) -> None:
        """Come back at once when somebody called since the last time, otherwise when somebody does, and
        after a second in any case.
        """
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
