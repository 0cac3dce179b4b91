"""A database that says nothing: its process stands still, or the network loses what is said."""

# ruff: noqa: PT012 - what is refused is a whole transaction

import asyncio
import os
import signal
from contextlib import contextmanager

import pytest
from kursi_chassis.errors import Unavailable


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
