"""Events that come over NATS: through crashes, repetitions and nonsense."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi_chassis.events.consumer import EventConsumer, Limits, Subscription
from kursi_chassis.events.envelope import MESSAGE_ID
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.consumers.handlers import BOOKINGS
from messaging_events import booking, published


@pytest_asyncio.fixture
async def stream(nats_client):
    jetstream = nats_client.jetstream()
    await ensure_stream(jetstream, STREAMS["booking"])
    return jetstream


async def publish(stream, event, message_id=""):
    headers = {**event.wire_headers(), MESSAGE_ID: message_id or str(event.event_id)}
    await stream.publish(event.subject, event.payload, headers=headers)


@asynccontextmanager
async def consuming(messaging, nats_client, handle):
    stopping = asyncio.Event()
    consumer = EventConsumer(
        nats_client,
        messaging.database,
        Subscription(STREAMS["booking"], BOOKINGS, ["kursi.booking.v1.>"], handle),
        limits=Limits(first_delay=timedelta(milliseconds=50)),
    )
    task = asyncio.create_task(consumer.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def drained(stream):
    consumers = await stream.consumers_info("BOOKING")
    return [(info.num_ack_pending, info.num_pending) for info in consumers] == [(0, 0)]


@pytest.mark.covers("X7", "X8")
async def test_a_crash_before_or_after_the_commit_loses_and_repeats_nothing(messaging, nats_client, stream):
    crashes = iter(["before", "after"])

    async def crashing(events):
        where = next(crashes, "")
        if where == "before":
            raise ConnectionError("died before the transaction")
        await messaging.handlers.bookings(events)
        if where == "after":
            raise ConnectionError("died before the acknowledgement")

    await publish(stream, published(booking("CREATED", 1, booking_id=new_id())))
    async with consuming(messaging, nats_client, crashing):
        await eventually(lambda: drained(stream))
    assert next(crashes, None) is None
    assert len(await messaging.rows()) == 4


@pytest.mark.covers("X3", "M7")
async def test_an_event_that_is_published_twice_is_told_once(messaging, nats_client, stream):
    event = published(booking("CREATED", 1, booking_id=new_id()))
    await publish(stream, event)
    await publish(stream, event, message_id="outside of the window")
    async with consuming(messaging, nats_client, messaging.handlers.bookings):
        await eventually(lambda: drained(stream))
    assert len(await messaging.rows()) == 4


@pytest.mark.covers("X11", "X12")
async def test_broken_events_are_set_aside_and_unknown_ones_passed_over(messaging, nats_client, stream):
    no_start = booking("CREATED", 1, booking_id=new_id())
    no_start.ClearField("start_time")
    unknown = booking("CREATED", 1, booking_id=new_id())
    unknown.type = 99  # a change that a later release publishes
    garbage = published(booking("CREATED", 1, booking_id=new_id()))
    object.__setattr__(garbage, "payload", b"\xff\xff")
    for event in (published(no_start), garbage):
        await publish(stream, event)
    later = published(booking("CREATED", 1, booking_id=new_id()))
    object.__setattr__(later, "payload", unknown.SerializeToString())
    await publish(stream, later)
    await publish(stream, published(booking("CREATED", 1, booking_id=new_id())))
    async with consuming(messaging, nats_client, messaging.handlers.bookings):
        await eventually(lambda: drained(stream))
    assert len(await messaging.rows()) == 4
    letters = await messaging.execute("SELECT error_class, state FROM dead_letters ORDER BY stream_seq")
    assert letters == [("Poison", "dead"), ("Poison", "dead")]
    assert BookingEvent.FromString(later.payload).type == 99
