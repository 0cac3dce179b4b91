"""Events reach the stream once each and in order, whoever dies on the way."""

import asyncio
import contextlib
import shutil
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import pytest_asyncio
from kursi_chassis.db.database import Database
from kursi_chassis.events import metrics, outbox
from kursi_chassis.events import relay as relay_module
from kursi_chassis.events.connection import close_nats, connect_nats
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import Stream, ensure_stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.logs import logged
from kursi_chassis.testing.wire import Wire
from nats.js import api
from nats.js.errors import NotFoundError

STREAM = Stream(name="TEST", subjects=("kursi.test.v1.>",))
FORGETFUL = Stream(name="TEST", subjects=("kursi.test.v1.>",), duplicate_window=timedelta(milliseconds=100))

TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE application_name = 'relay-child' AND wait_event_type = 'Lock'
"""


@contextlib.asynccontextmanager
async def relaying(database, client, stream=STREAM, **options):
    """A relay at work for as long as the block lasts."""
    stopping = asyncio.Event()
    relay = Relay(database, client, stream, ack_timeout=timedelta(seconds=1), **options)
    task = asyncio.create_task(relay.run(stopping))
    try:
        yield relay
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)


async def say(database, *events):
    async with database.transaction() as connection:
        await outbox.append(connection, *events)


async def query(database, sql, *parameters):
    async with database.snapshot() as connection:
        return await (await connection.execute(sql, parameters)).fetchall()


async def all_published(database):
    return not await query(database, "SELECT 1 FROM outbox WHERE published_at IS NULL")


async def in_stream(client, name="TEST"):
    """The event ids in the stream, in its order."""
    jetstream = client.jetstream()
    try:
        state = (await jetstream.stream_info(name)).state
    except NotFoundError:
        return []
    messages = [await jetstream.get_msg(name, sequence) for sequence in range(1, state.last_seq + 1)]
    return [message.headers["ce-id"] for message in messages]


def ids(events):
    return [str(event.event_id) for event in events]


@pytest_asyncio.fixture
async def other_database(urls):
    database = await Database.open(urls.app, pool_size=2, application_name="other")
    yield database
    await database.close()


@pytest.mark.covers("X2")
async def test_what_was_committed_before_the_relay_started_is_published(database, nats_client, an_event):
    events = [an_event() for _ in range(5)]
    await say(database, *events)

    async with relaying(database, nats_client):
        await eventually(lambda: all_published(database))

    assert await in_stream(nats_client) == ids(events)
    rows = await query(database, "SELECT event_id, stream_seq FROM outbox ORDER BY id")
    assert rows == [(event.event_id, place) for place, event in enumerate(events, 1)]


async def test_the_order_of_each_aggregate_is_kept(database, nats_client, an_event):
    aggregates = [new_id() for _ in range(7)]
    events = [an_event(aggregate, revision) for revision in range(1, 41) for aggregate in aggregates]
    await say(database, *events)

    async with relaying(database, nats_client):
        await eventually(lambda: all_published(database))

    stream = await in_stream(nats_client)
    assert len(stream) == len(events)
    for aggregate in aggregates:
        mine = ids([event for event in events if event.aggregate_id == aggregate])
        assert [event_id for event_id in stream if event_id in mine] == mine


async def test_a_row_that_becomes_visible_late_is_not_skipped(database, nats_client, an_event):
    late, early = an_event(), an_event()
    async with relaying(database, nats_client):
        async with database.transaction() as slow:
            await outbox.append(slow, late)
            await say(database, early)
            await eventually(lambda: query(database, "SELECT 1 FROM outbox WHERE published_at IS NOT NULL"))
        await eventually(lambda: all_published(database))

    assert await in_stream(nats_client) == ids([early, late])


@pytest.mark.covers("X3")
async def test_an_acknowledgement_that_is_lost_does_not_double_the_event(
    database, nats_server, nats_client, an_event
):
    await ensure_stream(nats_client.jetstream(), STREAM)
    async with Wire(nats_server.port) as wire:
        client = await connect_nats(f"nats://127.0.0.1:{wire.port}", name="through-the-wire")
        async with relaying(database, client):
            first = an_event()
            await say(database, first)
            await eventually(lambda: all_published(database))
            wire.swallow_answers = True
            lost = an_event()
            await say(database, lost)
            await eventually(lambda: has(nats_client, lost))
            assert not await all_published(database)
            wire.swallow_answers = False
            await eventually(lambda: all_published(database))
        await close_nats(client)

    assert await in_stream(nats_client) == ids([first, lost])


async def has(client, event):
    return str(event.event_id) in await in_stream(client)


@pytest.mark.covers("X4")
async def test_a_relay_killed_between_publishing_and_marking_does_not_double_the_event(
    database, urls, nats_server, nats_client, an_event, child
):
    event = an_event()
    await say(database, event)
    async with await psycopg.AsyncConnection.connect(urls.superuser) as holder:
        # Nobody can mark the row while we hold it, so the relay is caught exactly there.
        await holder.execute("SELECT 1 FROM outbox FOR UPDATE")
        with child("relay", urls.app, nats_server.url) as relay:
            await eventually(lambda: marking(database))
            relay.kill()
            relay.wait()
        # The server would still carry out its statement: the row must stay as the crash found it.
        await holder.execute(TERMINATE)
    assert await in_stream(nats_client) == ids([event])
    assert not await all_published(database)

    async with relaying(database, nats_client):
        await eventually(lambda: all_published(database))

    assert await in_stream(nats_client) == ids([event])
    assert await query(database, "SELECT stream_seq FROM outbox") == [(1,)]


async def marking(database):
    return await query(
        database,
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE outbox%%' "
        "AND datname = current_database()",
    )


@pytest.mark.covers("X6")
async def test_a_relay_that_lost_its_lock_cannot_mark_and_the_next_one_publishes(
    database, urls, nats_server, nats_client, an_event, child
):
    aggregate = new_id()
    events = [an_event(aggregate, revision) for revision in range(1, 6)]
    await say(database, *events)
    async with await psycopg.AsyncConnection.connect(urls.superuser) as holder:
        await holder.execute("SELECT 1 FROM outbox FOR UPDATE")
        with child("relay", urls.app, nats_server.url):
            await eventually(lambda: marking(database))
            await holder.execute(TERMINATE)
            await holder.rollback()
            async with relaying(database, nats_client):
                await eventually(lambda: all_published(database))

    assert await in_stream(nats_client) == ids(events)


async def test_leadership_moves_on_when_the_leader_is_killed(
    database, urls, nats_server, nats_client, an_event, child
):
    with child("relay", urls.app, nats_server.url) as first:
        await say(database, an_event())
        await eventually(lambda: all_published(database))
        async with relaying(database, nats_client):
            assert await leaders(database) == ["relay-child"]
            first.kill()
            first.wait()
            await say(database, an_event())
            await eventually(lambda: all_published(database))
            assert await leaders(database) == ["test"]


async def leaders(database):
    rows = await query(
        database,
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
        "AND granted AND datname = current_database()",
    )
    return [name for (name,) in rows]


@pytest.mark.covers("X5")
async def test_what_the_broker_lost_is_published_again(database, own_nats, server_dir, an_event):
    client = await connect_nats(own_nats.url, name="test")
    kept, lost, later = ([an_event() for _ in range(4)] for _ in range(3))
    async with relaying(database, client, reconcile_every=timedelta(hours=1)):
        await say(database, *kept)
        await eventually(lambda: all_published(database))
        own_nats.stop()
        saved = server_dir / f"saved-{own_nats.port}"
        shutil.copytree(own_nats.store_dir, saved)
        own_nats.start()
        await say(database, *lost)
        await eventually(lambda: all_published(database))
        # The machine loses power: what the broker had not flushed is gone, although it was acknowledged.
        own_nats.kill()
        shutil.rmtree(own_nats.store_dir)
        shutil.copytree(saved, own_nats.store_dir)
        own_nats.start()
        await say(database, *later)
        await eventually(lambda: has_all(client, [*kept, *lost, *later]))
    await close_nats(client)


async def has_all(client, events):
    stream = await in_stream(client)
    assert sorted(stream) == sorted(ids(events))
    return True


@pytest.mark.covers("X5")
async def test_a_broker_that_lost_its_disk_gets_its_stream_and_everything_again(database, own_nats, an_event):
    """Nobody consumes this stream, so that nobody else brings it back."""
    client = await connect_nats(own_nats.url, name="test")
    before, after = an_event(), an_event()
    async with relaying(database, client, reconcile_every=timedelta(hours=1)):
        await say(database, before)
        await eventually(lambda: all_published(database))
        # Somebody who listens to it may have been away since.
        async with database.autocommit() as connection:
            await connection.execute("UPDATE outbox SET published_at = now() - interval '1 day'")
        own_nats.kill()
        shutil.rmtree(own_nats.store_dir)
        own_nats.start()
        await say(database, after)
        await eventually(lambda: has_all(client, [before, after]))
    await close_nats(client)


async def test_events_whose_numbers_were_given_to_others_are_found(database, nats_client, an_event):
    events = [an_event() for _ in range(6)]
    await say(database, *events[:3])
    async with relaying(database, nats_client):
        await eventually(lambda: all_published(database))
    await nats_client.jetstream().delete_stream("TEST")
    await ensure_stream(nats_client.jetstream(), STREAM)
    jetstream = nats_client.jetstream()
    for event in events[3:]:
        headers = {**event.wire_headers(), "Nats-Msg-Id": str(event.event_id)}
        await jetstream.publish(event.subject, event.payload, headers=headers)
    await say(database, *events[3:])

    async with relaying(database, nats_client):
        await eventually(lambda: has_all(nats_client, events))
        await eventually(lambda: all_published(database))


async def test_after_the_duplicate_window_the_stream_may_have_two_copies(database, nats_client, an_event):
    event = an_event()
    await say(database, event)
    async with relaying(database, nats_client, FORGETFUL):
        await eventually(lambda: all_published(database))
        await eventually(lambda: republished(database, nats_client, event))

    assert set(await in_stream(nats_client)) == {str(event.event_id)}


async def republished(database, client, event):
    if len(await in_stream(client)) >= 2:
        return True
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbox SET published_at = NULL, stream_seq = NULL")
    await eventually(lambda: all_published(database))
    return False


async def test_publishing_goes_on_after_the_broker_was_away(database, own_nats, an_event):
    client = await connect_nats(own_nats.url, name="test")
    events = [an_event() for _ in range(3)]
    async with relaying(database, client):
        await say(database, events[0])
        await eventually(lambda: all_published(database))
        own_nats.kill()
        await say(database, events[1])
        assert not await all_published(database)
        own_nats.start()
        await say(database, events[2])
        await eventually(lambda: all_published(database))

    assert sorted(await in_stream(client)) == sorted(ids(events))
    await close_nats(client)


async def test_publishing_goes_on_after_the_database_was_killed(own_postgres, prepare, nats_client, an_event):
    own_postgres.execute("CREATE ROLE chassis_app LOGIN")
    prepare(own_postgres.url())
    database = await Database.open(own_postgres.url(), pool_size=2, application_name="test")
    events = [an_event(), an_event()]
    async with relaying(database, nats_client):
        await say(database, events[0])
        await eventually(lambda: all_published(database))
        own_postgres.kill()
        own_postgres.start()
        await say(database, events[1])
        await eventually(lambda: all_published(database))
    await database.close()

    assert await in_stream(nats_client) == ids(events)


async def test_a_stream_that_is_not_there_yet_delays_but_does_not_lose(database, nats_client, an_event):
    event = an_event()
    async with relaying(database, nats_client):
        await eventually(lambda: has_stream(nats_client))
        await nats_client.jetstream().delete_stream("TEST")
        await say(database, event)
        await eventually(lambda: refused(database))
        await ensure_stream(nats_client.jetstream(), STREAM)
        await eventually(lambda: all_published(database))

    assert await in_stream(nats_client) == ids([event])


async def test_a_stream_that_is_full_keeps_the_relay_waiting_and_loses_nothing(
    database, nats_client, an_event
):
    jetstream, visits = nats_client.jetstream(), [new_id() for _ in range(3)]
    events = [an_event(aggregate_id=visit, revision=revision) for revision in (1, 2) for visit in visits]
    with logged() as log:
        async with relaying(database, nats_client):
            await eventually(lambda: has_stream(nats_client))
            full = replace(STREAM.config(1), max_bytes=1, discard=api.DiscardPolicy.NEW)
            await jetstream.update_stream(full)
            await say(database, *events)
            await eventually(lambda: "maximum bytes exceeded" in log.getvalue())
            assert await in_stream(nats_client) == []
            await jetstream.update_stream(STREAM.config(1))
            await eventually(lambda: all_published(database))

    there = await in_stream(nats_client)
    assert sorted(there) == sorted(ids(events))
    assert [there.index(str(event.event_id)) // 3 for event in events] == [0, 0, 0, 1, 1, 1]


async def has_stream(client):
    return await client.jetstream().streams_info()


async def refused(database):
    return metrics.PUBLISH_FAILED.labels("TEST", "NoStreamResponseError")._value.get() > 0


async def test_a_nudged_relay_does_not_wait_for_its_next_look(database, nats_client, an_event, monkeypatch):
    monkeypatch.setattr(relay_module, "IDLE_POLL_SECONDS", 3_600)
    monkeypatch.setattr(relay_module, "BUSY_POLL_SECONDS", 3_600)
    async with relaying(database, nats_client) as relay:
        database.on_commit(relay.nudge)
        for _ in range(5):
            await say(database, an_event())
            await eventually(lambda: all_published(database))
        relay.nudge()  # it would end at its next look only


async def test_a_relay_in_another_process_looks_by_itself(database, other_database, nats_client, an_event):
    async with relaying(other_database, nats_client):
        for _ in range(5):
            await say(database, an_event())
            await eventually(lambda: all_published(database))
