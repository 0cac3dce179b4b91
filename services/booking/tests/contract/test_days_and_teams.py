"""Limits of days, latest starts, starts without gaps, services that need several people, and whose turn it is."""

import asyncio
from collections import Counter
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused

# Counters that differ from a recount: none, ever.
WRONG_COUNTS = """
SELECT count(*) FROM staff_days AS d
FULL JOIN (
    SELECT worker.staff_id, (b.start_at AT TIME ZONE b.time_zone)::date AS day, count(DISTINCT b.id) AS visits,
           sum(extract(epoch FROM i.end_at - i.start_at) / 60) AS minutes, count(*) FILTER (WHERE begins) AS begun
    FROM bookings AS b JOIN booking_items AS i ON i.booking_id = b.id
    CROSS JOIN LATERAL (
        SELECT i.staff_id AS staff_id, i.position = 0 AS begins
        UNION ALL SELECT (one ->> 'staff_id')::uuid, false FROM jsonb_array_elements(i.assistants) AS one
    ) AS worker (staff_id, begins)
    WHERE b.state NOT IN ('cancelled', 'expired') GROUP BY 1, 2
) AS recount USING (staff_id, day)
WHERE (coalesce(d.visits, 0), coalesce(d.minutes, 0), coalesce(d.visits_begun, 0))
    <> (coalesce(recount.visits, 0), coalesce(recount.minutes, 0), coalesce(recount.begun, 0))
"""
UNLIMITED = {"maximum_active_bookings": 100}


def minutes(count):
    return {"seconds": count * 60}


def team(people, length=60):
    return [{"duration": minutes(length), "needs_staff": True, "staff_count": people}]


async def outcome(call):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return answer.metadata.get("rule", answer.reason)
    return "booked"


async def starts(world, service, day=16):
    request = pb.ListSlotsRequest(
        salon_id=str(world.salon.id),
        service_ids=[str(service)],
        start_time=Timestamp(seconds=int(world.salon.at(day, 0).timestamp())),
        end_time=Timestamp(seconds=int(world.salon.at(day + 1, 0).timestamp())),
    )
    answer = await world.stub.ListSlots(request, metadata=world.customer())
    return [slot.local_start[11:16] for slot in answer.slots]


@pytest.mark.covers("B1")
async def test_a_full_day_is_closed_until_a_visit_is_cancelled(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 2})
    first = await world.book(world.salon.at(16, 9), service)
    await world.book(world.salon.at(16, 11), world.service_id)
    assert await starts(world, service) == []
    assert await outcome(world.book(world.salon.at(16, 13), service)) == "DAY_FULL"
    assert await starts(world, service, day=17)
    await world.act("CancelBooking", first)
    assert await outcome(world.book(world.salon.at(16, 13), service)) == "booked"
    assert await world.rows(WRONG_COUNTS) == [(0,)]


@pytest.mark.covers("B1")
async def test_a_staff_member_with_enough_visits_leaves_the_day_to_others(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1})
    await world.book(world.salon.at(16, 9), service, staff=world.staff[0])
    call = world.book(world.salon.at(16, 11), service, staff=world.staff[0])
    assert await outcome(call) == "STAFF_DAY_FULL"
    other = await world.book(world.salon.at(16, 11), service)
    assert other.items[0].staff_id == str(world.staff[1])


async def test_members_book_beyond_the_limits_and_what_they_book_counts(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 1})
    for_others = {"metadata": world.member(), "customer_id": str(new_id())}
    assert await outcome(world.book(world.salon.at(16, 9), service, **for_others)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 10), service, **for_others)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 11), service)) == "DAY_FULL"


async def test_a_visit_moves_within_its_own_full_day_and_not_into_another(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 1})
    booked = await world.book(world.salon.at(16, 9), service, staff=world.staff[0])
    await world.book(world.salon.at(17, 9), service, staff=world.staff[0])

    def move(day, hour):
        target = world.request(world.salon.at(day, hour)).start_time
        return world.act("RescheduleBooking", booked, metadata=world.customer(), start_time=target)

    assert await outcome(move(16, 14)) == "booked"
    assert await outcome(move(17, 14)) == "DAY_FULL"
    assert await outcome(move(18, 14)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 9), service)) == "booked"
    assert await world.rows(WRONG_COUNTS) == [(0,)]


@pytest.mark.covers("B1")
@pytest.mark.parametrize(
    ("limit", "booked"), [("maximum_bookings_per_day", 3), ("maximum_bookings_per_staff_day", 6)]
)
async def test_many_at_once_never_book_a_day_beyond_its_limit(world, limit, booked):
    service = world.salon.service(*world.staff, terms={limit: 3})
    times = [world.salon.at(16, hour, minute) for hour in range(9, 13) for minute in (0, 30)]
    calls = [world.book(start, service, metadata=world.customer(new_id())) for start in times]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert outcomes["booked"] <= booked
    assert await world.rows("SELECT count(*) FROM bookings") == [(outcomes["booked"],)]
    assert outcomes["booked"] == booked
    assert await world.rows(WRONG_COUNTS) == [(0,)]


async def test_a_hold_that_expires_is_counted_no_more(world, hold):
    held = await hold()
    assert await world.rows("SELECT sum(visits), sum(minutes) FROM staff_days") == [(1, 60)]
    world.clock.advance(timedelta(minutes=11))
    await world.have.expire_hold(world_id(held))
    assert await world.rows("SELECT sum(visits), sum(minutes) FROM staff_days") == [(0, 0)]


def world_id(booking):
    return type(new_id())(booking.id)


@pytest.mark.covers("B1")
async def test_no_visit_starts_after_the_latest_start(world):
    service = world.salon.service(*world.staff, terms={"latest_start": "15:00"})
    assert (await starts(world, service))[-1] == "15:00"
    assert await outcome(world.book(world.salon.at(16, 15, 15), service)) == "TOO_LATE_IN_DAY"
    late = world.book(world.salon.at(16, 15, 15), service, metadata=world.member(), customer_id=str(new_id()))
    assert await outcome(late) == "booked"


@pytest.mark.covers("B1")
async def test_starts_without_gaps_leave_room_for_the_shortest_service(world, claim):
    alone = world.salon.staff()
    gap_free = {"start_mode": catalog_pb2.Policy.GAP_FREE, "slot_step": minutes(30)}
    service = world.salon.service(alone, duration=120, terms=gap_free)
    world.salon.answer.shortest_service.CopyFrom(catalog_pb2.Policy(hold=minutes(60)).hold)
    await claim(alone, world.salon.at(16, 13), world.salon.at(16, 17))
    assert await starts(world, service) == ["09:00", "10:00", "11:00"]
    assert await outcome(world.book(world.salon.at(16, 9, 30), service)) == "LEAVES_GAP"


@pytest.mark.covers("B1", "1")
async def test_a_service_for_two_keeps_two_people_and_the_chosen_one_leads(world):
    third = world.salon.staff()
    massage = world.salon.service(*world.staff, third, segments=team(2))
    booked = await world.book(world.salon.at(16, 9), massage, staff=third)
    (item,) = booked.items
    assert item.staff_id == str(third)
    assert {one.staff_id for one in item.assistants} < {str(one) for one in world.staff}
    assert await world.rows("SELECT count(*), count(DISTINCT resource_id) FROM claims") == [(2, 2)]
    assert await outcome(world.book(world.salon.at(16, 9), massage)) == "SLOT_TAKEN"
    assert (await world.get(booked)).items == booked.items
    (told,) = [event for _, event in await world.events()]
    assert [one.staff_id for one in told.items[0].assistants] == [one.staff_id for one in item.assistants]
    assert await world.rows("SELECT sum(minutes), sum(visits), sum(visits_begun) FROM staff_days") == [
        (120, 2, 1)
    ]


@pytest.mark.covers("B6", "1")
async def test_pairs_with_rooms_on_one_hot_day_do_not_wait_in_a_circle(world):
    people = (*world.staff, world.salon.staff(), world.salon.staff())
    for _ in range(2):
        world.salon.resource("room")
    needs = [{**team(2)[0], "resource_kinds": ["room"]}]
    service = world.salon.service(*people, terms=UNLIMITED, segments=needs)
    times = [world.salon.at(16, 9 + number % 7, number % 4 * 15) for number in range(20)]
    calls = [world.book(start, service, metadata=world.customer(new_id())) for start in times]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert set(outcomes) == {"booked", "SLOT_TAKEN"}
    assert await world.rows("SELECT count(*) FROM claims") == [(3 * outcomes["booked"],)]
    assert await world.rows(WRONG_COUNTS) == [(0,)]


@pytest.mark.covers("B7")
async def test_a_visit_by_somebody_chosen_counts_in_whose_turn_it_is_and_a_cancelled_one_does_not(world):
    chosen = await world.book(world.salon.at(16, 9), staff=world.staff[0])
    assert (await world.book(world.salon.at(17, 9))).items[0].staff_id == str(world.staff[1])
    await world.act("CancelBooking", chosen)
    assert (await world.book(world.salon.at(18, 9))).items[0].staff_id == str(world.staff[0])
