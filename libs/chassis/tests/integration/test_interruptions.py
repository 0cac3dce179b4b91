"""Whoever is cancelled, wherever they wait, leaves a connection that works to the next one."""

import asyncio

import pytest
from interrupting import Interrupted
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id

INSERT = "INSERT INTO notes (id, word) VALUES (%s, %s)"
COUNT = "SELECT count(*) FROM notes"


async def write_at_once(database):
    async with database.autocommit() as connection:
        await connection.execute(INSERT, [note := new_id(), str(note)])


async def write_in_a_transaction(database):
    async with database.transaction() as connection:
        await connection.execute(INSERT, [note := new_id(), str(note)])


async def write_many(database):
    async with database.transaction() as connection, connection.cursor() as cursor:
        await cursor.executemany(INSERT, [[note, str(note)] for note in (new_id(), new_id())])


async def read_together(database):
    one, _ = await database.read_together(["SELECT 1 AS one", COUNT], {})
    assert one == [{"one": 1}]


@pytest.fixture
async def database(urls, monkeypatch):
    """With one connection, which the next one gets; it is about to prepare what is read together."""
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    async with database.reading() as connection:
        runs = connection.prepare_threshold or 0
    for _ in range(runs):
        await read_together(database)
    # As on a busy event loop: the driver then gives others a turn even where it has nothing to wait for.
    monkeypatch.setattr("psycopg.waiting.MAX_BUSY_TIME", 0)
    yield database
    await database.close()


async def number_of_notes(session):
    [(notes,)] = await (await session.execute(COUNT)).fetchall()
    return notes


@pytest.mark.parametrize(
    "later", [[], [1], [2]], ids=["once", "and in the next wait", "and in the one after"]
)
@pytest.mark.parametrize("wait", range(16))
@pytest.mark.parametrize("way", [write_at_once, write_in_a_transaction, write_many, read_together])
async def test_a_connection_works_on_wherever_its_user_was_cancelled(database, way, wait, later):
    work = Interrupted(way(database), [wait, *(wait + more for more in later)])
    [end] = await asyncio.gather(asyncio.ensure_future(work), return_exceptions=True)
    assert end is None or isinstance(end, asyncio.CancelledError)

    async with database.session() as session:
        before = await number_of_notes(session)
        await write_at_once(database)
        assert await number_of_notes(session) == before + 1
        await read_together(database)
        await write_many(database)
        assert await number_of_notes(session) == before + 3
        await write_in_a_transaction(database)
        assert await number_of_notes(session) == before + 4
