"""A service's own PostgreSQL database: a pool, and the four ways to use a connection of it."""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import cached_property
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.abc import RV, PQGen, QueryNoTemplate
from psycopg.conninfo import make_conninfo
from psycopg.errors import _WaitTimeout
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGconn
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from kursi_chassis.db.prepared import KeptStatements
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger


class Connection(AsyncConnection[TupleRow]):
    """A connection that keeps what it learned of its statements: plans, and cursors for those that run a thousand times
    a second.

    A cursor that sees the same statement again knows how to write its parameters; a new one finds that out for each.
    """

    def __init__(self, pgconn: PGconn) -> None:
        super().__init__(pgconn)
        self._prepared = self._statements = KeptStatements()

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server; whatever is said to it comes through here.

        With a `timeout` its silence is the caller's business. Without one it counts as lost after `ANSWER_SECONDS`: the
        limits that it keeps itself end nothing once it stands still, and TCP repeats a statement for a quarter of an hour
        before it gives up, whatever the keepalives say, which are for idle connections.
        """
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        level = self._pipeline.level if self._pipeline else 0
        try:
            return await super().wait(gen, interval, ANSWER_SECONDS)
        except BaseException as error:
            if isinstance(error, _WaitTimeout):
                self.pgconn.finish()
            self._break_off(gen, level, error)
            raise

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to end the statement at hand. Without an answer the connection is closed: the request may be on its
        way yet, and would end whatever is said on this connection when it arrives.
        """
        try:
            await super().cancel_safe(timeout=min(timeout, CANCEL_SECONDS))
        except psycopg.Error:
            self.pgconn.finish()
            raise

    def _break_off(self, gen: PQGen[RV], level: int, error: BaseException) -> None:
        """End what was interrupted as long as nobody else has the connection."""
        with contextlib.suppress(RuntimeError, psycopg.Error):  # it may insist on hearing the end
            gen.close()
        self._statements.forget_unheard()
        if self._pipeline and self._pipeline.level > level:
            # On a busy event loop the driver gives others a turn when it has just entered a pipeline. Whoever is cancelled
            # then would never leave it, and what the next ones write on this connection would not be committed.
            self._pipeline._exit(error)  # noqa: SLF001 -- nothing else leaves one that was not entered

    @cached_property
    def kept_cursors(self) -> dict[bytes, AsyncRawCursor[TupleRow]]:
        """By statement."""
        return {}


Rehearsal = Callable[[Connection], Awaitable[None]]
"""Runs statements on a new connection before anybody gets it; whatever it writes is rolled back."""

CHECKOUT_SECONDS = 3.0
"""How long a request waits for a free connection: longer than a hiccup, shorter than a caller's deadline."""

ANSWER_SECONDS = 10.0
"""How long a server may take to answer a statement, or all of an `executemany`: twice what it allows itself, the way there
and back included.
"""

CANCEL_SECONDS = 5.0
"""How long the server may take to hear that a statement is no longer wanted."""

SESSION_SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # The same half a minute where an answer is on its way: keepalives are for connections on which nothing is.
    "tcp_user_timeout": "25s",
}
_BEGIN_REPEATABLE: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_RETRY_AFTER = timedelta(seconds=1)
_STALE_PLAN = "RevalidateCachedQuery"
"""Where PostgreSQL refuses a prepared statement whose columns have other types by now. (Words depend on its locale.)"""
_NOT_NOW = frozenset({
    "57P01",  # admin_shutdown
    "57P02",  # crash_shutdown
    "57P03",  # cannot_connect_now
    "57014",  # query_canceled: the statement timeout
    "53100",  # disk_full
    "53200",  # out_of_memory
    "53300",  # too_many_connections
    "25P03",  # idle_in_transaction_session_timeout
})  # fmt: skip

log = get_logger()


class RolledBack(RuntimeError):
    """A transaction was to commit although a statement in it had failed; PostgreSQL rolled it back.

    It is a bug: somebody caught the statement's error inside the transaction and carried on.
    """


class Database:
    """The pool and what it guarantees.

    Every connection speaks UTC, waits at most 2 s for a lock, 5 s for a statement and 10 s for a server that says
    nothing, and may idle in a transaction for 10 s. Losing the server surfaces as `Unavailable`, whose retry is
    safe exactly when the caller's request is idempotent: an error during COMMIT leaves the outcome unknown.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection], address: str) -> None:
        self._pool = pool
        self._address = address
        self._after_commit: list[Callable[[], None]] = []

    @classmethod
    async def open(
        cls, url: str, *, pool_size: int = 8, application_name: str, rehearse: Rehearsal | None = None
    ) -> Database:
        """Open the pool without waiting for the server: a service may start before its database does.

        With a rehearsal all connections are opened, and rehearsed, before the first one is needed.
        """
        address = make_conninfo(url, **_connection_parameters(application_name))
        pool = AsyncConnectionPool(
            address,
            kwargs={"autocommit": True},
            connection_class=Connection,
            configure=_rehearsed(rehearse) if rehearse else None,
            min_size=pool_size if rehearse else min(2, pool_size),
            max_size=pool_size,
            timeout=CHECKOUT_SECONDS,
            # The pool's own retries back off to a minute; giving up early lets the next request try at once.
            reconnect_timeout=2,
            name=application_name,
            open=False,
        )
        await pool.open()
        return cls(pool, address)

    async def close(self) -> None:
        await self._pool.close(timeout=5)

    async def ping(self) -> None:
        """One round trip.

        Raises:
            Unavailable: the server cannot be reached, or the pool is exhausted.
        """
        async with self.autocommit() as connection:
            await connection.execute("SELECT 1")

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A read-write transaction: a clean exit commits, an exception rolls back and goes on.

        Raises:
            Unavailable: the server went away, also in the middle of COMMIT (then the outcome is unknown).
            RolledBack: the block swallowed a statement's error, so there is nothing left to commit.
        """
        return self._transaction("BEGIN", self._after_commit)

    def snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """A read-only transaction; each statement sees what is committed when it starts."""
        return self._transaction("BEGIN READ ONLY", [])

    def repeatable_snapshot(self) -> AbstractAsyncContextManager[Connection]:
        """A read-only transaction in which all statements see the same instant."""
        return self._transaction(_BEGIN_REPEATABLE, [])

    async def read_together(
        self, statements: Sequence[QueryNoTemplate], parameters: Mapping[str, object]
    ) -> list[list[DictRow]]:
        """The rows of several statements that all see the same instant, in one round trip.

        Raises:
            Unavailable: the server went away.
        """
        async with self._checked_out() as connection:
            try:
                async with connection.pipeline():
                    await connection.execute(_BEGIN_REPEATABLE, prepare=False)
                    cursors = [
                        await connection.cursor(row_factory=dict_row).execute(statement, parameters)
                        for statement in statements
                    ]
                    await connection.execute("COMMIT", prepare=False)
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    await connection.rollback()
                raise
            return [await cursor.fetchall() for cursor in cursors]

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Connection]:
        """A connection whose every statement is its own transaction.

        For hot paths that do everything in one statement: that saves two of three round trips.
        """
        async with self._checked_out() as connection:
            yield connection
        _call_all(self._after_commit)

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """The same for a statement that only reads: nobody is told of a commit."""
        return self._checked_out()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A connection outside the pool, in autocommit, for one long-lived owner (a session lock).

        Closed on exit, which releases whatever the session held.
        """
        connection = await self._connect()
        try:
            with _unavailable_when_lost(connection):
                yield connection
        finally:
            await connection.close()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` after every committed transaction of this process.

        It must be quick and must not raise. The relay uses it to look at the outbox at once.
        """
        self._after_commit.append(callback)

    async def _connect(self) -> Connection:
        try:
            return await Connection.connect(self._address, autocommit=True)
        except psycopg.OperationalError as error:
            raise Unavailable(retry_after=_RETRY_AFTER) from error

    @asynccontextmanager
    async def _transaction(
        self, begin: LiteralString, after_commit: list[Callable[[], None]]
    ) -> AsyncIterator[Connection]:
        async with self._checked_out() as connection:
            await connection.execute(begin, prepare=False)
            try:
                yield connection
            except BaseException:
                # The first error is the one to tell; a connection that cannot roll back is thrown away.
                with contextlib.suppress(psycopg.Error):
                    await connection.rollback()
                raise
            await _commit(connection)
        _call_all(after_commit)

    @asynccontextmanager
    async def _checked_out(self) -> AsyncIterator[Connection]:
        connection = await self._checkout()
        try:
            with _unavailable_when_lost(connection):
                yield connection
        finally:
            await self._give_back(connection)

    async def _checkout(self) -> Connection:
        """A connection whose server has not hung up.

        A restarted server closes its idle connections, and that shows on the socket. Looking costs a
        microsecond, so all stale connections are replaced before a request has to fail with one.
        """
        try:
            while True:
                connection = await self._next()
                if not _hung_up(connection):
                    return connection
                await connection.close()
                await self._give_back(connection)
        except (PoolTimeout, PoolClosed) as error:
            raise Unavailable(retry_after=_RETRY_AFTER) from error

    async def _next(self) -> Connection:
        """What the pool gives, unless the caller has been cancelled meanwhile.

        Where a connection and a cancellation come together, the pool forgets the cancellation: it waits with
        `asyncio.wait_for`, which does so before Python 3.12. Whoever was to end would go on for ever.
        """
        task = asyncio.current_task()
        cancellations = task.cancelling() if task else 0
        connection = await self._pool.getconn()
        if task and task.cancelling() > cancellations:
            await self._give_back(connection)
            raise asyncio.CancelledError
        return connection

    async def _give_back(self, connection: Connection) -> None:
        """Give the connection back, also where the caller is cancelled meanwhile.

        Where others wait, that takes some turns of the event loop, and the pool would lose a connection whose return is
        cancelled, for good.
        """
        await asyncio.shield(self._pool.putconn(connection))


def _rehearsed(rehearse: Rehearsal) -> Rehearsal:
    async def configure(connection: Connection) -> None:
        try:
            async with connection.transaction(force_rollback=True):
                await rehearse(connection)
        except Exception as error:  # noqa: BLE001 -- a service without rehearsal is slow, one without connections is none
            log.warning("rehearsal_failed", error=type(error).__name__)

    return configure


def _connection_parameters(application_name: str) -> dict[str, str]:
    """What every connection asks for while it connects; later it would cost a round trip."""
    return {
        "application_name": application_name,
        "connect_timeout": "3",
        "options": " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items()),
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }


async def _commit(connection: Connection) -> None:
    # COMMIT of a failed transaction is answered with ROLLBACK and no error at all.
    if connection.info.transaction_status is TransactionStatus.INERROR:
        await connection.rollback()
        raise RolledBack
    await connection.commit()


def _hung_up(connection: Connection) -> bool:
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    # An idle connection has nothing to say, except the reason why it is being closed.
    return bool(poll.poll(0))


@contextlib.contextmanager
def _unavailable_when_lost(connection: Connection) -> Iterator[None]:
    try:
        yield
    except (
        psycopg.Error
    ) as error:  # not only OperationalError: an idle transaction is ended with an InternalError
        if error.diag.source_function == _STALE_PLAN:
            connection.pgconn.finish()  # a new connection prepares it anew
        if connection.closed or error.sqlstate in _NOT_NOW:
            raise Unavailable(retry_after=_RETRY_AFTER) from error
        raise


def _call_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
