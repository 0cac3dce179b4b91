"""How booking's events reach payment, and what is read from them (Y9)."""

import asyncio
from uuid import UUID

import pytest
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.type.v1 import money_pb2
from kursi_chassis.events.consumer import EventConsumer, Subscription
from kursi_chassis.events.envelope import Event, Poison, ReceivedEvent
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_chassis.testing.eventually import eventually
from kursi_payment.consumers.bookings import FILTERS, HandleBookings, decode
from kursi_payment.usecases.follow_booking import BookingChange, Happening


@pytest.mark.covers("Y9")
async def test_a_cancellation_arrives_through_the_broker_and_its_refund_leaves_the_same_way(
    desk, nats_client
):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    event = BookingEvent(
        type=BookingEvent.CANCELLED,
        booking_id=str(booking_id),
        revision=4,
        refund={"currency_code": "SAR", "amount_minor": 25_000},
        fee={"currency_code": "SAR", "amount_minor": 0},
    )
    subject = f"kursi.booking.v1.{desk.salon}.{booking_id}.cancelled"
    told = Event(
        type="kursi.booking.v1.cancelled",
        subject=subject,
        aggregate_id=booking_id,
        revision=4,
        payload=event.SerializeToString(),
        occurred_at=desk.clock.now(),
    )
    consumer = EventConsumer(
        nats_client,
        desk.database,
        Subscription(STREAMS["booking"], "payment-bookings", FILTERS, HandleBookings(desk.follow_booking)),
    )
    relay = Relay(desk.database, nats_client, STREAMS["payment"])
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping))
        tasks.create_task(relay.run(stopping))

        async def publish():
            return await nats_client.jetstream().publish(
                subject, told.payload, headers={"Nats-Msg-Id": str(told.event_id), **told.wire_headers()}
            )

        await eventually(lambda: _stream_is_there(nats_client))
        await publish()
        await eventually(lambda: _is_refunded(desk, payment))
        published = await eventually(lambda: _messages(nats_client, 2))
        stopping.set()
    assert published == 2


async def _stream_is_there(nats_client):
    return {"BOOKING", "PAYMENT"} <= {
        stream.config.name for stream in await nats_client.jetstream().streams_info()
    }


async def _is_refunded(desk, payment):
    await desk.attend.due()
    return await desk.state(payment.id) == "refunded"


async def _messages(nats_client, count):
    info = await nats_client.jetstream().stream_info("PAYMENT")
    return info.state.messages if info.state.messages >= count else 0


def received(payload):
    return ReceivedEvent(
        event_id=UUID(int=1),
        type="t",
        subject="s",
        aggregate_id=UUID(int=2),
        revision=1,
        payload=payload,
        occurred_at=None,
        headers={},
        stream_seq=1,
        deliveries=1,
    )


def test_bytes_that_are_no_event_are_poison():
    with pytest.raises(Poison):
        decode(received(b"\xff\xff"))
    with pytest.raises(Poison):
        decode(received(BookingEvent(type=BookingEvent.CANCELLED, booking_id="x").SerializeToString()))


@pytest.mark.covers("Y9")
@pytest.mark.parametrize("happening", Happening)
def test_whatever_happens_to_a_booking_is_read_from_its_event(happening):
    booking_id = new_id()
    told = BookingEvent(
        type=BookingEvent.Type.Value(happening.name),
        booking_id=str(booking_id),
        state=BookingEvent.STATE_PENDING,
        revision=5,
        fee=money_pb2.Money(currency_code="SAR", amount_minor=7),
        refund=money_pb2.Money(currency_code="SAR", amount_minor=9),
    )
    read = decode(received(told.SerializeToString()))
    assert read == BookingChange(
        event_id=UUID(int=1),
        happening=happening,
        booking_id=booking_id,
        revision=5,
        fee=Money("SAR", 7),
        refund=Money("SAR", 9),
    )


def test_other_happenings_are_no_business_of_payments():
    refunded = BookingEvent(type=BookingEvent.UPDATED, state=BookingEvent.STATE_CANCELLED)
    for message in (BookingEvent(type=BookingEvent.CREATED), refunded):
        assert decode(received(message.SerializeToString())) is None
