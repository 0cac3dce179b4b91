"""What could not be read is kept: set aside, taken up again by a better reader, replayed on request."""

from dataclasses import replace

from consuming import (
    QUICK,
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
from kursi_chassis.events import dead_letters
from kursi_chassis.events.envelope import Poison
from kursi_chassis.testing.eventually import eventually


def unreadable(batch):
    raise Poison


async def states(database):
    return [state for *_, state in await letters(database)]


async def all_set_aside(database, client, events):
    """Whether a reader that reads nothing has buried a run of events and set the others aside."""
    aside = [*["dead"] * QUICK.poison_run, *["replaying"] * (len(events) - QUICK.poison_run)]
    return await nothing_pending(client) and await states(database) == aside


async def test_a_reader_that_reads_nothing_loses_nothing_and_goes_on_once_it_can(
    database, nats_client, an_event
):
    events = [an_event() for _ in range(12)]
    await publish(nats_client, *events)
    handle = Effects(database)
    handle.fail = unreadable

    async with consuming(nats_client, database, handle) as consumer:
        await eventually(lambda: all_set_aside(database, nats_client, events))
        assert not consumer.healthy
        handle.fail = lambda batch: None
        await eventually(lambda: consumer.healthy)
        await eventually(lambda: settled(database))

    rest = events[QUICK.poison_run :]
    assert await effects(database) == ids(rest)
    assert await states(database) == [*["dead"] * QUICK.poison_run, *["replayed"] * len(rest)]


async def settled(database):
    return "replaying" not in await states(database)


async def test_a_better_reader_takes_what_was_set_aside_before_what_came_later(
    database, nats_client, an_event
):
    events = [an_event() for _ in range(12)]
    await publish(nats_client, *events)
    broken = Effects(database)
    broken.fail = unreadable
    async with consuming(nats_client, database, broken):
        await eventually(lambda: all_set_aside(database, nats_client, events))
    later = an_event()
    await publish(nats_client, later)

    handle = Effects(database)
    async with consuming(nats_client, database, handle):
        await eventually(lambda: nothing_pending(nats_client))

    assert handle.seen == [event.event_id for event in [*events[QUICK.poison_run :], later]]


async def test_a_reader_that_starts_broken_buries_nothing_that_was_set_aside(database, nats_client, an_event):
    events = [an_event() for _ in range(12)]
    await publish(nats_client, *events)
    for _ in range(2):
        broken = Effects(database)
        broken.fail = unreadable
        async with consuming(nats_client, database, broken):
            await eventually(lambda handle=broken: events[-1].event_id in handle.seen)
            await eventually(lambda: all_set_aside(database, nats_client, events))


async def test_a_flood_of_rubbish_keeps_no_event_back_for_good(database, nats_client, an_event):
    rubbish = [replace(an_event(), headers={"ce-time": "yesterday"}) for _ in range(40)]
    good = an_event()
    await publish(nats_client, *rubbish, good)

    async with consuming(nats_client, database, Effects(database), replace(QUICK, batch=8)) as consumer:
        await eventually(lambda: effects(database))
        await eventually(lambda: settled(database))
        assert consumer.healthy

    assert await effects(database) == [good.event_id]
    assert await states(database) == ["dead"] * len(rubbish)


async def test_a_dead_letter_is_replayed_on_request(database, nats_client, an_event):
    event, good = an_event(), an_event()
    await publish(nats_client, event, good)
    handle = Effects(database)
    handle.fail = poisoning(event)
    async with consuming(nats_client, database, handle):
        await eventually(lambda: letters(database))
        (letter,) = await browse(database)
        assert await replay(database, letter.id)
        await eventually(lambda: state_is(database, "dead", 2))
        handle.fail = lambda events: None
        assert await replay(database, letter.id)
        await eventually(lambda: state_is(database, "replayed", 3))
        assert not await replay(database, letter.id)

    assert await effects(database) == ids([event, good])
    assert await browse(database) == []


async def browse(database):
    async with database.snapshot() as connection:
        return await dead_letters.browse(connection)


async def replay(database, letter_id):
    async with database.transaction() as connection:
        return await dead_letters.replay(connection, letter_id)


async def state_is(database, state, attempts):
    return await query(
        database, "SELECT 1 FROM dead_letters WHERE state = %s AND attempts = %s", state, attempts
    )
