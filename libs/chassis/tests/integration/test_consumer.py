"""Every event has its effect once, and none is lost or turns in circles, whatever fails."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from consuming import (
    BRIEF,
    QUICK,
    STREAM,
    Effects,
    consuming,
    effects,
    ids,
    letters,
    nothing_pending,
    poisoning,
    publish,
    query,
)
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.events import metrics
from kursi_chassis.events.consumer import Limits, ignored
from kursi_chassis.events.streams import Stream, ensure_consumer, ensure_stream
from kursi_chassis.testing.eventually import eventually


async def test_events_have_their_effect_and_are_acknowledged(database, nats_client, an_event):
    events = [an_event() for _ in range(300)]
    await publish(nats_client, *events)
    handle = Effects(database)

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == ids(events)
    assert len(handle.batches) < 30


@pytest.mark.covers("X7")
async def test_a_consumer_killed_before_its_commit_leaves_the_event_to_the_next(
    database, urls, nats_server, nats_client, an_event, child
):
    event = an_event()
    await publish(nats_client, event)
    with child("consumer", urls.app, nats_server.url, "before") as first:
        await eventually(lambda: idle_in_transaction(database))
        first.kill()
        first.wait()
    assert await effects(database) == []

    async with consuming(nats_client, database, Effects(database), BRIEF):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == [event.event_id]


async def idle_in_transaction(database):
    return await query(
        database,
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'consumer-child' AND state = 'idle in transaction' "
        "AND query LIKE 'INSERT INTO effects%%' AND datname = current_database()",
    )


@pytest.mark.covers("X8")
async def test_a_consumer_killed_between_commit_and_acknowledgement_does_not_double_the_effect(
    database, urls, nats_server, nats_client, an_event, child
):
    event = an_event()
    await publish(nats_client, event)
    with child("consumer", urls.app, nats_server.url, "after") as first:
        await eventually(lambda: effects(database))
        first.kill()
        first.wait()

    handle = Effects(database)
    async with consuming(nats_client, database, handle, BRIEF):
        await eventually(lambda: nothing_pending(nats_client))

    assert set(handle.seen) == {event.event_id}
    assert await query(database, "SELECT event_id, by_whom FROM effects") == [(event.event_id, "child")]


@pytest.mark.covers("X9")
async def test_an_event_that_takes_longer_than_the_ack_wait_stays_with_its_consumer(
    database, nats_client, an_event
):
    """Three are tried: a machine that stands still for seconds says nothing to the broker either, which then is right
    to deliver again. Whoever never says anything is found out by each.
    """

    async def one_stays():
        return await stays_with_its_consumer(database, nats_client, an_event())

    assert await one_stays() or await one_stays() or await one_stays()


async def stays_with_its_consumer(database, nats_client, event):
    await publish(nats_client, event)
    handle = Effects(database)
    # How long handling takes is what is tested: half as long again as the broker waits.
    handle.fail = lambda events: asyncio.sleep(4.5)
    three = replace(QUICK, ack_wait=timedelta(seconds=3))

    async with consuming(nats_client, database, handle, three):
        await eventually(lambda: handle.batches)
        async with consuming(nats_client, database, other := Effects(database), three):
            await eventually(lambda: nothing_pending(nats_client))

    assert event.event_id in await effects(database)
    return (handle.seen, other.seen) == ([event.event_id], [])


@pytest.mark.covers("X11")
async def test_undecodable_events_are_kept_whole_and_never_delivered_again(database, nats_client, an_event):
    await ensure_stream(nats_client.jetstream(), STREAM)
    await nats_client.jetstream().publish("kursi.test.v1.x", b"\xff\x00", headers={"ce-type": "broken"})
    good = an_event()
    await publish(nats_client, good)
    handle = Effects(database)

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == [good.event_id]
    assert handle.seen == [good.event_id]
    assert await query(
        database,
        "SELECT stream_seq, event_id, subject, headers, payload, error_class, state FROM dead_letters",
    ) == [(1, None, "kursi.test.v1.x", {"ce-type": "broken"}, b"\xff\x00", "Poison", "dead")]


@pytest.mark.covers("X11")
@pytest.mark.parametrize(
    "broken", [{"ce-time": "9999-12-31T23:59:59-23:59"}, {"ce-id": "\0"}, {"ce-id": ""}], ids=repr
)
async def test_headers_that_nobody_thought_of_cost_their_event_only(database, nats_client, an_event, broken):
    bad, good = replace(an_event(), headers=broken), an_event()
    await publish(nats_client, bad, good)

    async with consuming(nats_client, database, Effects(database)):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == [good.event_id]
    assert [letter[1:] for letter in await letters(database)] == [("Poison", 1, "dead")]


@pytest.mark.covers("X11")
async def test_one_poisonous_event_does_not_hold_up_its_batch(database, nats_client, an_event):
    events = [an_event() for _ in range(32)]
    victim = events[13]
    await publish(nats_client, *events)
    handle = Effects(database)
    handle.fail = poisoning(victim)

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == ids([event for event in events if event is not victim])
    assert await letters(database) == [(victim.event_id, "Poison", 1, "dead")]


async def test_a_failure_is_tried_again_and_forgotten_when_it_works(database, nats_client, an_event):
    event = an_event()
    await publish(nats_client, event)
    handle = Effects(database)
    handle.fail = lambda events: None if len(handle.batches) > 2 else fail_with(KeyError("bug"))

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert handle.seen == [event.event_id] * 3
    assert await effects(database) == [event.event_id]
    assert await letters(database) == []


def fail_with(error):
    raise error


async def test_a_failure_that_stays_dies_after_its_attempts(database, nats_client, an_event):
    event, good = an_event(), an_event()
    await publish(nats_client, event, good)
    handle = Effects(database)
    handle.fail = lambda events: (
        fail_with(KeyError()) if event.event_id in [e.event_id for e in events] else None
    )

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await letters(database) == [(event.event_id, "KeyError", 3, "dead")]
    assert await effects(database) == [good.event_id]


async def test_a_world_out_of_order_costs_no_attempts(database, nats_client, an_event):
    events = [an_event() for _ in range(3)]
    await publish(nats_client, *events)
    handle = Effects(database)
    handle.fail = lambda batch: fail_with(Unavailable()) if len(handle.batches) < 8 else None

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == ids(events)
    assert await letters(database) == []


def test_however_long_the_world_was_out_of_order_no_event_waits_more_than_a_minute():
    limits = Limits()
    assert [limits.delay(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert limits.delay(100_000) == 60
    assert sum(limits.delay(failures) for failures in range(1, limits.attempts)) == 123


@pytest.mark.covers("X13")
async def test_nothing_is_lost_while_the_database_is_down(own_postgres, prepare, nats_client, an_event):
    own_postgres.execute("CREATE ROLE chassis_app LOGIN")
    prepare(own_postgres.url())
    database = await Database.open(own_postgres.url(), pool_size=2, application_name="test")
    events = [an_event() for _ in range(6)]
    handle = Effects(database)
    async with consuming(nats_client, database, handle):
        await publish(nats_client, *events[:3])
        await eventually(lambda: nothing_pending(nats_client))
        own_postgres.kill()
        await publish(nats_client, *events[3:])
        await eventually(lambda: len(handle.seen) > 3)
        own_postgres.start()
        await eventually(lambda: nothing_pending(nats_client))
        assert await effects(database) == ids(events)
        assert await letters(database) == []
    await database.close()


@pytest.mark.covers("X12")
async def test_an_unknown_type_is_acknowledged_and_counted(database, nats_client, an_event):
    await publish(nats_client, an_event())
    before = metrics.IGNORED.labels("c1", "kursi.test.v1.happened")._value.get()

    async def handle(events):
        for event in events:
            ignored("c1", event)

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert metrics.IGNORED.labels("c1", "kursi.test.v1.happened")._value.get() == before + 1
    assert await letters(database) == []


async def test_streams_and_consumers_can_be_declared_again_and_changed(nats_client):
    jetstream = nats_client.jetstream()
    shorter = Stream(name="TEST", subjects=STREAM.subjects, max_age=timedelta(days=7))
    for declared in (STREAM, STREAM, shorter):
        await ensure_stream(jetstream, declared)
    for ack_wait in (30, 30, 10):
        await ensure_consumer(
            jetstream, "TEST", "c1", ["kursi.test.v1.>"], ack_wait=timedelta(seconds=ack_wait)
        )

    stream = (await jetstream.stream_info("TEST")).config
    consumer = (await jetstream.consumer_info("TEST", "c1")).config
    assert (stream.max_age, stream.deny_delete, stream.duplicate_window) == (7 * 86400, True, 120)
    assert (consumer.ack_wait, consumer.max_deliver, consumer.max_ack_pending) == (10, -1, 256)


async def test_an_error_of_the_database_that_is_not_about_the_event_is_transient(
    database, nats_client, an_event
):
    event = an_event()
    await publish(nats_client, event)
    handle = Effects(database)
    handle.fail = lambda events: (
        fail_with(psycopg.errors.LockNotAvailable()) if len(handle.batches) < 2 else None
    )

    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert await effects(database) == [event.event_id]
    assert await letters(database) == []
