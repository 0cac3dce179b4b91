"""Whoever is cancelled ends, and leaves a connection that works."""

import asyncio

import pytest
from kursi_chassis.db.database import Database
from kursi_chassis.testing.eventually import eventually
from locks import waiting_for_a_lock


async def test_whoever_gives_up_in_a_pipeline_leaves_a_connection_that_works(urls):
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    statements = ["SELECT pg_advisory_xact_lock_shared(%(key)s)", "SELECT count(*) FROM notes"]
    for _ in range(5):
        await database.read_together(statements, {"key": 7})
    async with database.session() as holder:
        await holder.execute("SELECT pg_advisory_lock(7)")
        reading = asyncio.create_task(database.read_together(statements, {"key": 7}))
        await eventually(lambda: waiting_for_a_lock(holder))
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert (await database.read_together(statements, {"key": 7}))[1] == [{"count": 0}]
    await database.close()


@pytest.mark.parametrize("turns", range(12))
async def test_whoever_is_cancelled_while_a_connection_comes_ends(urls, turns):
    """Some turns of the event loop after the connection was given back, it and the cancellation come together."""
    database = await Database.open(urls.app, pool_size=1, application_name="test")

    async def read_for_ever():
        async with database.reading():
            await asyncio.Event().wait()

    async with database.reading():
        reading = asyncio.create_task(read_for_ever())
        await eventually(lambda: database._pool.get_stats().get("requests_waiting"))
    for _ in range(turns):
        await asyncio.sleep(0)  # one turn of the loop each, not to wait: all interleavings are tried
    reading.cancel()
    done, _ = await asyncio.wait({reading}, timeout=20)

    assert (done, reading.cancelled()) == ({reading}, True)
    await database.ping()
    await database.close()


async def test_whoever_is_cancelled_while_giving_back_a_connection_gives_it_back(urls):
    """Somebody else is at the pool in that moment: so it is where many wait, and some give up waiting."""
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    has_it, leave = asyncio.Event(), asyncio.Event()

    async def read():
        async with database.reading():
            has_it.set()
            await leave.wait()

    reading = asyncio.create_task(read())
    await has_it.wait()
    async with database._pool._lock:
        leave.set()
        for _ in range(12):
            await asyncio.sleep(0)  # turns enough to reach the pool's lock, which is not free
        reading.cancel()
        await asyncio.wait({reading}, timeout=20)

    assert reading.cancelled()
    await database.ping()
    await database.close()
