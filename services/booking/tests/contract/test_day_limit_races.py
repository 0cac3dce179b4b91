"""Everybody who writes a visit at once, with committed sessions: no day gets more visits than it may have."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.booking.v1 import series_service_pb2 as series_pb
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused

BY_DAY = "SELECT count(*) FROM bookings WHERE (start_at AT TIME ZONE time_zone)::date = %s"
BY_PERSON = """
SELECT DISTINCT count(*) FROM booking_items WHERE (visit_start_at AT TIME ZONE 'Asia/Riyadh')::date = %s GROUP BY staff_id
"""
TARGET = 20
HOURS = range(9, 15)


async def outcome(call):
    """`done`, or the rule or else the reason of the refusal."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return answer.metadata.get("rule", answer.reason)
    return "done"


async def outcomes(calls):
    return Counter(await asyncio.gather(*map(outcome, calls)))


def limited(world, **terms):
    far = {"maximum_active_bookings": 100, "maximum_ahead": {"seconds": 365 * 86_400}}
    return world.salon.service(*world.staff, terms={**far, **terms})


async def on_target(world, statement=BY_DAY):
    rows = await world.rows(statement, f"2026-03-{TARGET}")
    return [count for (count,) in rows]


def move(world, booking, who, hour):
    start = Timestamp(seconds=int(world.salon.at(TARGET, hour).timestamp()))
    return world.act("RescheduleBooking", booking, metadata=who, start_time=start)


async def booked_on_other_days(world, service):
    """One visit of its own customer on each of six other days: (customer, booking)."""
    made = []
    for number in range(len(HOURS)):
        who = world.customer(new_id())
        made.append(
            (who, await world.book(world.salon.at(23 + number % 5, 9 + number), service, metadata=who))
        )
    return made


def series(world, service, hour):
    wanted = series_pb.CreateSeriesRequest(
        salon_id=str(world.salon.id),
        start_time=Timestamp(seconds=int(world.salon.at(TARGET, hour).timestamp())),
        items=[pb.WantedItem(service_id=str(service))],
        every_weeks=1,
        count=2,
        mode=series_pb.Series.ALL,
    )
    return world.series.CreateSeries(wanted, metadata=world.customer(new_id()))


@pytest.mark.covers("B1")
async def test_moves_into_one_day_at_once_keep_its_limit(world):
    service = limited(world, maximum_bookings_per_day=2)
    booked = await booked_on_other_days(world, service)
    moves = [move(world, one, who, hour) for hour, (who, one) in zip(HOURS, booked, strict=True)]
    assert await outcomes(moves) == {"done": 2, "DAY_FULL": 4}
    assert await on_target(world) == [2]


@pytest.mark.covers("B1")
async def test_moves_at_once_give_nobody_more_visits_than_they_may_have(world):
    service = limited(world, maximum_bookings_per_staff_day=2)
    booked = await booked_on_other_days(world, service)
    moves = [move(world, one, who, hour) for hour, (who, one) in zip(HOURS, booked, strict=True)]
    assert await outcomes(moves) == {"done": 4, "STAFF_DAY_FULL": 2}
    assert await on_target(world, BY_PERSON) == [2]


@pytest.mark.covers("B1", "B11")
async def test_series_at_once_keep_the_limit_of_each_of_their_days(world):
    service = limited(world, maximum_bookings_per_day=2)
    found = await outcomes(series(world, service, hour) for hour in HOURS)
    assert found == {"done": 2, "SERIES_DOES_NOT_FIT": 4}
    per_day = "SELECT DISTINCT count(*) FROM bookings GROUP BY start_at::date"
    assert await world.rows(per_day) == [(2,)]


@pytest.mark.covers("B1", "B12")
async def test_those_who_wait_are_offered_no_more_than_the_day_may_have(world, room):
    service = limited(world, maximum_bookings_per_day=2)
    waiting = [await room.join(hour, hour + 1, TARGET, service) for hour in HOURS]
    assert sum(await asyncio.gather(*(room.matched() for _ in range(4)))) == 2
    states = Counter(await room.states(*waiting))
    assert states == {"OFFERED": 2, "WAITING": 4}
    # What is offered can be booked: until it is answered, nobody else gets it.
    assert await outcome(world.book(world.salon.at(TARGET, 16), service)) == "DAY_FULL"
    entries = [await room.get(entry) for entry in waiting]
    accepted = [await outcome(room.accept(entry)) for entry in entries if entry.offer.id]
    assert accepted == ["done", "done"]
    assert await on_target(world) == [2]


@pytest.mark.covers("B1", "B12")
async def test_an_offer_counts_for_its_person_until_it_is_declined(world, room):
    service = limited(world, maximum_bookings_per_staff_day=1)
    entry = await room.offered(9, 10, day=TARGET, staff=world.staff[0])
    wanted = {"staff": world.staff[0], "metadata": world.customer(new_id())}
    assert await outcome(world.book(world.salon.at(TARGET, 12), service, **wanted)) == "STAFF_DAY_FULL"
    await room.decline(entry)
    assert await outcome(world.book(world.salon.at(TARGET, 12), service, **wanted)) == "done"


@pytest.mark.covers("B1")
async def test_bookings_moves_series_and_offers_at_once_keep_one_limit_together(world, room):
    service = limited(world, maximum_bookings_per_day=3)
    booked = await booked_on_other_days(world, service)
    for hour in (15, 16):
        await room.join(hour, hour + 1, TARGET, service)
    moves = [move(world, one, who, hour) for hour, (who, one) in zip(HOURS, booked, strict=True)]
    found, *offers = await asyncio.gather(
        outcomes(
            [
                *moves[:3],
                *(series(world, service, hour) for hour in (12, 13)),
                *(
                    world.book(world.salon.at(TARGET, hour), service, metadata=world.customer(new_id()))
                    for hour in (14, 15, 16)
                ),
            ]
        ),
        room.matched(),
        room.matched(),
    )
    assert set(found) <= {"done", "DAY_FULL", "SERIES_DOES_NOT_FIT"}
    assert found["done"] + sum(offers) == 3
    assert await on_target(world) == [found["done"]]


@pytest.mark.covers("B8")
async def test_services_change_on_a_day_that_the_salon_filled_beyond_its_limit(world):
    service = limited(world, maximum_bookings_per_day=1)
    booked = await world.book(world.salon.at(TARGET, 9), service)
    await world.book(world.salon.at(TARGET, 12), service, metadata=world.member(), customer_id=str(new_id()))
    items = [pb.WantedItem(service_id=str(one)) for one in (service, world.service_id)]
    changed = await world.act("ChangeServices", booked, metadata=world.customer(), items=items)
    assert changed.end_time.ToDatetime() - changed.start_time.ToDatetime() == timedelta(hours=2)
    assert UUID(changed.id) == UUID(booked.id)
