"""What becomes of later events while the stream refuses an earlier one."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from kursi_chassis.events import outbox
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import Stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually

STREAM = Stream("TEST", ("kursi.test.v1.>",))


async def say(database, *events):
    async with database.transaction() as connection:
        await outbox.append(connection, *events)


async def in_stream(client) -> list[str]:
    """The event ids in the stream, in its order."""
    jetstream = client.jetstream()
    last = (await jetstream.stream_info("TEST")).state.last_seq
    messages = [await jetstream.get_msg("TEST", sequence) for sequence in range(1, last + 1)]
    return [message.headers["ce-id"] for message in messages]


@pytest.mark.covers("X5")
async def test_no_event_overtakes_one_of_its_aggregate_that_the_stream_refuses(
    database, nats_client, an_event
):
    visit = new_id()
    large = an_event(aggregate_id=visit, revision=1, payload=bytes(50_000))
    small, others = an_event(aggregate_id=visit, revision=2), [an_event(), an_event()]
    jetstream, declared = nats_client.jetstream(), STREAM.config(1)
    stopping, relay = asyncio.Event(), Relay(database, nats_client, STREAM, ack_timeout=timedelta(seconds=60))

    async def has(count: int) -> bool:
        return len(await in_stream(nats_client)) >= count

    task = asyncio.create_task(relay.run(stopping))
    try:
        await eventually(jetstream.streams_info)
        await jetstream.update_stream(replace(declared, max_msg_size=10_000))
        await say(database, large, small, others[0])
        await eventually(lambda: has(1))
        await say(database, others[1])  # it comes with another look, at which the first is refused again
        await eventually(lambda: has(2))
        assert await in_stream(nats_client) == [str(event.event_id) for event in others]
        await jetstream.update_stream(replace(declared, max_msg_size=-1))
        await eventually(lambda: has(4))
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)

    there = await in_stream(nats_client)
    assert there[2:] == [str(event.event_id) for event in (large, small)]
