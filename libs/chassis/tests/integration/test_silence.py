"""A database that says nothing: its process stands still, or the network loses what is said."""

# ruff: noqa: PT012 - what is refused is a whole transaction

import asyncio
import os
import signal
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.testing.eventually import eventually
from locks import waiting_for_a_lock
from psycopg.conninfo import conninfo_to_dict, make_conninfo

CANCEL_REQUEST = (80877102).to_bytes(4, "big")


@contextmanager
def freezing():
    """Freezes processes until the block ends."""
    pids = []

    def freeze(pid):
        os.kill(pid, signal.SIGSTOP)
        pids.append(pid)

    try:
        yield freeze
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def words(database):
    async with database.reading() as connection:
        return await (await connection.execute("SELECT word FROM notes")).fetchall()


async def test_a_server_that_stands_still_is_unavailable(database, monkeypatch):
    """It cannot keep its own limits then, and the network sees nothing wrong with the connection."""
    with freezing() as freeze:
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable):
                async with database.transaction() as connection:
                    await connection.execute("INSERT INTO notes VALUES (uuidv7(), 'lost')")
                    monkeypatch.setattr("kursi_chassis.db.database.ANSWER_SECONDS", 0.2)
                    freeze(connection.info.backend_pid)
                    await connection.execute("SELECT 1")
        monkeypatch.undo()
        await database.ping()
    assert await words(database) == []


async def test_whoever_listens_to_silence_keeps_the_connection(database, monkeypatch):
    async with database.session() as connection:
        await connection.execute("LISTEN news")
        monkeypatch.setattr("kursi_chassis.db.database.ANSWER_SECONDS", 0.01)
        assert [one async for one in connection.notifies(timeout=0.1)] == []
        monkeypatch.undo()
        await connection.execute("SELECT 1")


async def test_a_request_to_end_a_statement_that_comes_late_ends_no_other(urls, monkeypatch):
    """The server hears of it when the statement has ended and somebody else has come."""
    monkeypatch.setattr("kursi_chassis.db.database.CANCEL_SECONDS", 0.1)
    async with holding_back_requests_to_end(urls.app) as (url, go_on), asyncio.timeout(60):
        database = await Database.open(url, pool_size=1, application_name="test")
        async with database.session() as holder:
            await holder.execute("SELECT pg_advisory_lock(7)")
            reading = asyncio.create_task(database.read_together(["SELECT pg_advisory_xact_lock(7)"], {}))
            await eventually(lambda: waiting_for_a_lock(holder))
            reading.cancel()
            await holder.execute("SELECT pg_sleep(0.2)")  # as long as nobody is heard
        await asyncio.wait({reading})
        assert reading.cancelled()

        async with database.reading() as connection:
            go_on.set()
            await connection.execute("SELECT pg_sleep(0.2)")  # long enough to be ended
        await database.close()


@asynccontextmanager
async def holding_back_requests_to_end(url):
    """A way to the server on which requests to end a statement wait until the event is set."""
    server, go_on = conninfo_to_dict(url), asyncio.Event()

    async def carry(client, to_client):
        first = await client.read(4096)
        if first[4:8] == CANCEL_REQUEST:
            await go_on.wait()
        answers, to_server = await asyncio.open_connection(server["host"], server["port"])
        to_server.write(first)
        await asyncio.gather(copy(client, to_server), copy(answers, to_client))

    proxy = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with proxy:
        host, port = proxy.sockets[0].getsockname()
        yield make_conninfo(url, host=host, port=port, sslmode="disable", gssencmode="disable"), go_on


async def copy(source, target):
    with suppress(ConnectionError):
        while part := await source.read(4096):
            target.write(part)
    target.close()
