"""Who talks to the provider about a payment: one at a time, in all processes together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final, LiteralString
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from kursi_chassis.db.database import Connection, Database

from kursi_payment.ports import Busy

_SECONDS_BETWEEN_TRIES = 0.05
_KEY: Final[LiteralString] = "hashtextextended(%s, 1)"


class AdvisoryConversations:
    """Conversations held by an advisory lock of PostgreSQL on a connection of their own.

    The lock lives as long as the connection: a process that is killed lets go at once, one that is merely
    slow or stopped keeps it. It keeps conversations apart; what may still be under way at the provider when a
    conversation breaks off is bounded by the time written down before each request. Within one process the
    waiting is done without connections; `most` bounds how many are open.
    """

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._seats = asyncio.Semaphore(most)
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, payment_id: UUID, patience: timedelta) -> AsyncIterator[None]:
        """Raises: Busy when the conversation is not free within `patience`."""
        turn = self._turns.setdefault(payment_id, asyncio.Lock())
        deadline = asyncio.get_running_loop().time() + patience.total_seconds()
        await _acquire(turn, deadline)
        try:
            async with self._seats, self._database.session() as connection:
                await _lock(connection, payment_id, deadline)
                try:
                    yield
                finally:
                    # Closing lets go, too, but a moment later, and whoever comes meanwhile finds it held.
                    with suppress(psycopg.OperationalError):
                        await connection.execute(f"SELECT pg_advisory_unlock({_KEY})", [_place(payment_id)])
        finally:
            turn.release()


async def _acquire(turn: asyncio.Lock, deadline: float) -> None:
    if not turn.locked():
        await turn.acquire()
        return
    try:
        async with asyncio.timeout_at(deadline):
            await turn.acquire()
    except TimeoutError as error:
        raise Busy from error


async def _lock(connection: Connection, payment_id: UUID, deadline: float) -> None:
    while True:
        cursor = await connection.execute(f"SELECT pg_try_advisory_lock({_KEY})", [_place(payment_id)])
        row = await cursor.fetchone()
        if row and row[0]:
            return
        if asyncio.get_running_loop().time() >= deadline:
            raise Busy
        await asyncio.sleep(_SECONDS_BETWEEN_TRIES)


def _place(payment_id: UUID) -> str:
    return f"payment {payment_id}"
