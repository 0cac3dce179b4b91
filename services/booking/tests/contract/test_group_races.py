"""Many callers at once on the seats of one session and on the dates of series, with committed sessions."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1.series_service_pb2 import Series
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.store.due_holds import DueHoldsInDatabase
from kursi_booking.usecases.expire_hold import ExpireHolds
from kursi_chassis.ids import new_id
from racing import OVERLAPS, attempt
from series_calls import ROOMY, wanted
from session_calls import call_off, resize, seats_left

Booking = booking_pb2.Booking
MISCOUNTED = """
SELECT id, taken FROM sessions WHERE taken <> (SELECT coalesce(sum(seats), 0) FROM bookings
    WHERE session_id = sessions.id AND state NOT IN ('cancelled', 'expired'))
"""
MISCOUNTED_CUSTOMERS = """
SELECT customer_id FROM customer_counters AS c WHERE active <> (SELECT count(*) FROM bookings AS b
    WHERE b.customer_id = c.customer_id AND state IN ('held', 'pending', 'confirmed', 'checked_in'))
"""


async def insisting(call):
    """`attempt` of a call that says itself when to ask again; `call()` asks."""
    while (answer := await attempt(call())) == "UNAVAILABLE RETRY_LATER":
        pass
    return answer


async def outcomes(calls):
    return Counter(await asyncio.gather(*map(attempt, calls)))


@pytest.mark.covers("B11")
async def test_80_clients_on_10_seats_make_10_bookings(world, planned):
    session = await planned(capacity=10)
    found = await outcomes(world.join(session) for _ in range(80))
    assert found == {"done": 10, "ABORTED SESSION_FULL": 70}
    assert await world.rows("SELECT taken, (SELECT count(*) FROM bookings) FROM sessions") == [(10, 10)]
    assert await world.rows("SELECT count(*) FROM outbox") == [(10,)]
    assert await world.rows("SELECT count(*), sum(active) FROM customer_counters") == [(10, 10)]


@pytest.mark.covers("B11")
async def test_joining_cancelling_and_resizing_at_once_never_oversell_and_lose_no_seat(world, planned):
    service = world.salon.service(*world.staff, terms=ROOMY)
    session = await planned(capacity=12, service=service)
    shuffle = random.Random(11)
    customers = [world.customer(new_id()) for _ in range(6)]
    booked = [(who, await world.join(session, who, seats=2)) for who in customers[:5]]
    calls = [
        *(world.act("CancelBooking", one, metadata=who) for who, one in booked for _ in range(2)),
        *(world.join(session, shuffle.choice(customers), seats=shuffle.randint(1, 3)) for _ in range(40)),
        *(resize(world, session, shuffle.randint(8, 16)) for _ in range(10)),
    ]
    shuffle.shuffle(calls)
    found = await outcomes(calls)
    assert set(found) <= {"done", "ABORTED SESSION_FULL", "FAILED_PRECONDITION SEATS_TAKEN"}
    assert await world.rows(MISCOUNTED) == []
    assert await world.rows(MISCOUNTED_CUSTOMERS) == []
    # Nothing fits any more that would have been refused only because a seat got lost.
    left = await seats_left(world, session)
    filled = await outcomes(world.join(session) for _ in range(left + 5))
    assert filled["done"] == left


@pytest.mark.covers("B11")
async def test_calling_a_session_off_while_customers_join_and_cancel_leaves_nobody_in_it(world, planned):
    session = await planned(capacity=40)
    booked = [await world.join(session, seats=2) for _ in range(10)]
    calls = [
        *(attempt(world.join(session)) for _ in range(15)),
        *(attempt(world.act("CancelBooking", one)) for one in booked),
        # Whoever joins faster than it can be called off keeps it from that for a while.
        *(insisting(lambda: call_off(world, session)) for _ in range(2)),
        *(attempt(world.join(session)) for _ in range(15)),
    ]
    found = set(await asyncio.gather(*calls))
    assert found <= {"done", "FAILED_PRECONDITION ILLEGAL_TRANSITION", "ABORTED SESSION_FULL"}
    assert await world.rows("SELECT state, taken FROM sessions") == [("cancelled", 0)]
    assert await world.rows("SELECT DISTINCT state FROM bookings") == [("cancelled",)]
    assert await world.rows(MISCOUNTED_CUSTOMERS) == []
    per_booking = "SELECT count(*) FROM outbox WHERE subject LIKE '%%.cancelled' GROUP BY aggregate_id"
    assert {number for (number,) in await world.rows(per_booking)} == {1}


@pytest.mark.covers("B11")
async def test_holds_that_run_out_while_payments_arrive_free_each_seat_or_keep_it(world, planned, till):
    session = await planned(capacity=20, service=world.prepaid_service(**ROOMY))
    held = [await world.join(session, seats=1) for _ in range(20)]
    world.clock.advance(timedelta(minutes=11))
    holds = DueHoldsInDatabase(world.database)
    expire = ExpireHolds(holds, world.clock, describe_event)
    await asyncio.gather(
        *(till.tell(till.captured(one)) for one in held[:10]),
        *(expire(5) for _ in range(4)),
        *(attempt(world.join(session)) for _ in range(10)),
        *(attempt(world.act("CancelBooking", one)) for one in held[15:]),
    )
    await expire(100)
    assert await world.rows(MISCOUNTED) == []
    assert await world.rows(MISCOUNTED_CUSTOMERS) == []
    # Whoever paid has a seat, or the money goes back.
    for one in held[:10]:
        after = await world.get(one, metadata=world.member())
        confirmed = after.state == Booking.CONFIRMED
        assert confirmed or after.payment_state == Booking.REFUND_DUE


@pytest.mark.covers("B11")
async def test_the_job_expires_seats_of_several_sessions_and_counts_each(world, planned):
    service = world.prepaid_service(**ROOMY)
    early, late = await planned(service=service), await planned(hour=14, service=service)
    for session in (early, late, early):
        await world.join(session, seats=3)
    world.clock.advance(timedelta(minutes=11))
    expire = ExpireHolds(DueHoldsInDatabase(world.database), world.clock, describe_event)
    assert await expire(100) == 3
    assert await world.rows("SELECT taken FROM sessions") == [(0,), (0,)]
    assert [kind for kind, _ in await world.events()][3:] == ["expired"] * 3


@pytest.mark.covers("B11", "1")
async def test_a_session_and_bookings_at_the_same_time_never_share_a_person(world, planned):
    service = world.salon.service(*world.staff)
    at_ten = world.salon.at(16, 10)
    found = await outcomes(
        [
            *(planned(service=service) for _ in range(3)),
            *(
                world.book(at_ten, service, staff=world.staff[0], metadata=world.customer(new_id()))
                for _ in range(6)
            ),
        ]
    )
    assert found == {"done": 1, "ABORTED SLOT_TAKEN": 8}
    assert await world.rows(OVERLAPS) == [(0,)]


@pytest.mark.covers("B11")
async def test_one_key_used_at_once_makes_one_booking_of_seats_and_one_series(world, planned):
    session = await planned(capacity=30)
    joined = await asyncio.gather(
        *(world.join(session, world.customer(), seats=2, request_id="once") for _ in range(8))
    )
    assert len({one.id for one in joined}) == 1
    assert await world.rows("SELECT taken FROM sessions") == [(2,)]
    service = world.salon.service(*world.staff, terms=ROOMY)
    weekly = wanted(world, service, world.salon.at(17, 9), staff=world.staff[0], request_id="weekly")
    made = await asyncio.gather(
        *(world.series.CreateSeries(weekly, metadata=world.customer()) for _ in range(6))
    )
    assert len({one.id for one in made}) == 1
    assert await world.rows("SELECT count(*) FROM bookings WHERE series_id IS NOT NULL") == [(4,)]


@pytest.mark.covers("B11", "1")
async def test_series_for_the_same_times_at_once_are_each_whole_or_not_there(world):
    service = world.salon.service(*world.staff, terms=ROOMY)
    first = world.salon.at(16, 9)
    requests = [
        wanted(world, service, first + timedelta(weeks=number % 3), staff=world.staff[0])
        for number in range(9)
    ]
    found = await outcomes(
        world.series.CreateSeries(one, metadata=world.customer(new_id())) for one in requests
    )
    assert set(found) == {"done", "FAILED_PRECONDITION SERIES_DOES_NOT_FIT"}
    assert found["done"] == 1
    assert await world.rows("SELECT count(*) FROM bookings") == [(4,)]
    assert await world.rows(OVERLAPS) == [(0,)]


@pytest.mark.covers("B11", "1")
async def test_series_of_anybody_and_single_bookings_at_once_share_the_people_without_overlap(world):
    service = world.salon.service(*world.staff, terms=ROOMY)
    first = world.salon.at(16, 9)
    found = await outcomes(
        [
            *(
                world.series.CreateSeries(
                    wanted(world, service, first, mode=Series.AS_MANY_AS_FIT, count=6),
                    metadata=world.customer(new_id()),
                )
                for _ in range(6)
            ),
            *(
                world.book(first + timedelta(weeks=number), service, metadata=world.customer(new_id()))
                for number in range(6)
            ),
        ]
    )
    assert set(found) <= {"done", "ABORTED SLOT_TAKEN", "FAILED_PRECONDITION SERIES_DOES_NOT_FIT"}
    # Two people, six Mondays: each of the twelve times is somebody's.
    assert await world.rows("SELECT count(*) FROM bookings WHERE state = 'confirmed'") == [(12,)]
    assert await world.rows(OVERLAPS) == [(0,)]
    assert await world.rows(MISCOUNTED_CUSTOMERS) == []


@pytest.mark.covers("B7", "B11")
@pytest.mark.parametrize("what", ["series", "session"])
async def test_everybody_who_is_free_is_asked_before_a_time_is_refused_as_taken(world, planned, what):
    """Whoever has the fewest visits is everybody's first choice; who loses her asks the next, down to the last."""
    people = [world.salon.staff() for _ in range(8)]
    service = world.salon.service(*people, terms=ROOMY)
    for visits, person in enumerate(people):
        for hour in range(visits):
            await world.book(world.salon.at(17, 9 + hour), service, staff=person)
    weekly = wanted(world, service, world.salon.at(16, 10), count=2)
    calls = {
        "series": lambda: world.series.CreateSeries(weekly, metadata=world.customer(new_id())),
        "session": lambda: planned(service=service, staff_id=""),
    }
    assert await outcomes(calls[what]() for _ in people) == {"done": 8}


@pytest.mark.covers("B11")
async def test_two_series_of_one_customer_at_once_stay_within_the_limit_together(world):
    service = world.salon.service(*world.staff, terms={**ROOMY, "maximum_active_bookings": 5})
    requests = [
        wanted(world, service, world.salon.at(16, 9), staff=person, mode=Series.AS_MANY_AS_FIT)
        for person in world.staff
    ]
    made = await asyncio.gather(
        *(world.series.CreateSeries(one, metadata=world.customer()) for one in requests)
    )
    assert sorted(one.upcoming_count for one in made) == [1, 4]
    reasons = {visit.reason for one in made for visit in one.visits}
    assert reasons == {"", "TOO_MANY_BOOKINGS"}
    assert await world.rows("SELECT active FROM customer_counters") == [(5,)]
