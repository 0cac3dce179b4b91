"""Time that becomes free makes starts possible after its end, too: at once, and not when the sweep comes by."""

import pytest
from google.protobuf.duration_pb2 import Duration
from kursi.booking.v1.waitlist_service_pb2 import WishedRange
from kursi.catalog.v1 import catalog_pb2
from kursi_booking.consumers.freed_times import HandleFreedTimes
from kursi_chassis.events.envelope import ReceivedEvent
from kursi_chassis.ids import new_id
from waiting_room import moment


@pytest.fixture
def hear(room, world):
    """Tells the waiting list of everything that booking has told the world since the last time."""
    told = []

    async def last_events():
        rows = await world.rows("SELECT subject, payload FROM outbox ORDER BY id")
        events = [received(subject, payload, world.clock.now()) for subject, payload in rows[len(told) :]]
        told.extend(events)
        await HandleFreedTimes(room.match)(events)

    return last_events


def received(subject, payload, at):
    return ReceivedEvent(
        event_id=new_id(),
        type=f"kursi.booking.v1.{subject.rsplit('.', 1)[1]}",
        subject=subject,
        aggregate_id=new_id(),
        revision=1,
        payload=payload,
        occurred_at=at,
        headers={},
        stream_seq=1,
        deliveries=1,
    )


@pytest.mark.covers("B12")
async def test_a_start_that_only_the_clean_up_of_a_cancelled_visit_kept_is_offered_at_once(
    room, world, claim, hear
):
    one, at = world.staff[0], world.salon.at
    service = world.salon.service(one, buffer_after=Duration(seconds=1_800))
    booked = await world.book(at(16, 10), service)
    await claim(one, at(16, 9), at(16, 10))
    await claim(one, at(16, 12, 30), at(16, 17))
    entry = await room.join(11, 12, 16, service)
    await hear()
    assert await room.states(entry) == ["WAITING"]
    await room.free(booked)
    await hear()
    assert await room.states(entry) == ["OFFERED"]


@pytest.mark.covers("B12")
async def test_a_start_that_leaves_no_gap_any_more_is_offered_at_once(room, world, hear):
    one, at = world.staff[0], world.salon.at
    world.salon.answer.shortest_service.seconds = 3_600
    service = world.salon.service(one, terms={"start_mode": catalog_pb2.Policy.GAP_FREE})
    booked = await world.book(at(16, 9), service)
    half_past_ten = WishedRange(start_time=moment(at(16, 10, 30)), end_time=moment(at(16, 10, 45)))
    entry = await room.join(10, 11, 16, service, ranges=[half_past_ten])
    await hear()
    assert await room.states(entry) == ["WAITING"]
    await room.free(booked)
    await hear()
    assert await room.states(entry) == ["OFFERED"]


@pytest.mark.covers("B12")
async def test_a_start_on_a_day_that_has_room_again_is_offered_at_once(room, world, hear):
    at = world.salon.at
    service = world.salon.service(*world.staff, terms={"maximum_bookings_per_day": 1})
    booked = await world.book(at(16, 9), service)
    entry = await room.join(15, 16, 16, service)
    await hear()
    assert await room.states(entry) == ["WAITING"]
    await room.free(booked)
    await hear()
    assert await room.states(entry) == ["OFFERED"]


@pytest.mark.covers("B12")
async def test_who_waits_no_longer_leaves_what_was_offered_to_the_next_at_once(room, world, hear):
    booked = await room.fill()
    first, second = [await room.join() for _ in range(2)]
    await room.free(booked[10, world.staff[0]])
    await hear()
    assert await room.states(first, second) == ["OFFERED", "WAITING"]
    await room.cancel(first)
    await hear()
    assert await room.states(first, second) == ["CANCELLED", "OFFERED"]
