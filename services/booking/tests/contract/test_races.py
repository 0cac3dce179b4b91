"""Many callers at once, with committed sessions: what must never happen does not."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from kursi.booking.v1 import booking_pb2
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.store.due_holds import DueHoldsInDatabase
from kursi_booking.usecases.expire_hold import ExpireHolds
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from racing import OVERLAPS, attempt

Booking = booking_pb2.Booking
UNLIMITED = {"maximum_active_bookings": 100}


async def client(world, calls):
    """One customer who asks for one thing after the other."""
    return [await attempt(call()) for call in calls]


def asking(world, metadata, start, *services, **more):
    return lambda: world.book(start, *services, metadata=metadata, **more)


@pytest.mark.covers("B6", "1")
async def test_64_clients_on_20_slots_make_20_bookings(world):
    service_id = world.salon.service(*world.staff, terms=UNLIMITED, duration=15)
    slots = [world.salon.at(16, 9 + number // 4, number % 4 * 15) for number in range(20)]
    shuffle = random.Random(20)
    clients = []
    for _ in range(64):
        metadata = world.customer(new_id())
        wanted = shuffle.sample(slots, 5)
        clients.append(
            client(
                world,
                [asking(world, metadata, slot, service_id, staff=world.staff[0]) for slot in wanted],
            )
        )
    outcomes = Counter(outcome for answers in await asyncio.gather(*clients) for outcome in answers)
    assert outcomes == {"done": 20, "ABORTED SLOT_TAKEN": 300}
    assert await world.rows("SELECT count(*) FROM bookings") == [(20,)]
    assert await world.rows(OVERLAPS) == [(0,)]
    assert await world.rows("SELECT count(*) FROM outbox") == [(20,)]


@pytest.mark.covers("B6", "1")
async def test_three_resources_per_booking_on_one_hot_day_do_not_wait_in_a_circle(world):
    for kind in ("chair", "chair", "room", "room", "room"):
        world.salon.resource(kind)
    needs = [{"duration": {"seconds": 3_600}, "needs_staff": True, "resource_kinds": ["chair", "room"]}]
    service_id = world.salon.service(*world.staff, terms=UNLIMITED, segments=needs)
    shuffle = random.Random(3)
    clients = []
    for _ in range(24):
        metadata = world.customer(new_id())
        times = [
            world.salon.at(16, shuffle.randrange(9, 16), shuffle.choice((0, 15, 30, 45))) for _ in range(4)
        ]
        clients.append(client(world, [asking(world, metadata, start, service_id) for start in times]))
    outcomes = Counter(outcome for answers in await asyncio.gather(*clients) for outcome in answers)
    assert set(outcomes) == {"done", "ABORTED SLOT_TAKEN"}
    assert await world.rows("SELECT count(*) FROM bookings") == [(outcomes["done"],)]
    assert await world.rows("SELECT count(*) FROM claims") == [(3 * outcomes["done"],)]
    assert await world.rows(OVERLAPS) == [(0,)]


@pytest.mark.covers("1", "B8")
async def test_moving_booking_and_cancelling_at_once_never_overlap(world):
    service_id = world.salon.service(*world.staff, terms=UNLIMITED)
    booked = [
        await world.book(world.salon.at(16, hour), service_id, staff=world.staff[0]) for hour in range(9, 15)
    ]
    shuffle = random.Random(7)
    calls = []
    for booking in booked:
        target = world.request(world.salon.at(16, shuffle.randrange(9, 16), 30)).start_time
        calls.append(world.act("RescheduleBooking", booking, metadata=world.customer(), start_time=target))
        calls.append(
            world.book(world.salon.at(16, shuffle.randrange(9, 16)), service_id, staff=world.staff[0])
        )
        calls.append(world.act("CancelBooking", booking))
    outcomes = set(await asyncio.gather(*map(attempt, calls)))
    assert outcomes <= {"done", "ABORTED SLOT_TAKEN", "FAILED_PRECONDITION ILLEGAL_TRANSITION"}
    assert await world.rows(OVERLAPS) == [(0,)]
    active = "SELECT count(*) FROM bookings WHERE state = 'confirmed'"
    assert await world.rows("SELECT sum(active) FROM customer_counters") == await world.rows(active)


@pytest.mark.covers("B9")
async def test_a_hold_that_expires_while_its_customer_books_something_else_is_counted(world, hold):
    customer = new_id()
    held = await hold(customer=customer)
    world.clock.advance(timedelta(minutes=11))
    expire = ExpireHolds(DueHoldsInDatabase(world.database), world.clock, describe_event)
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with world.database.transaction() as other:
        count = "UPDATE customer_counters SET active = active + 1 WHERE customer_id = %s"
        await other.execute(count, [customer])
        expiring = asyncio.create_task(expire(100))
        await eventually(lambda: world.rows(waiting))
    assert await expiring == 1
    assert (await world.get(held, metadata=world.member())).state == Booking.EXPIRED
    assert await world.rows("SELECT active FROM customer_counters") == [(1,)]


@pytest.mark.covers("B9", "B10")
async def test_what_was_paid_of_a_hold_is_due_for_refund_when_it_expires_with_others(world, till, hold):
    paid, _ = await hold(hour=9), await hold(hour=10, customer=new_id())
    await till.tell(till.captured(paid, minor=4_000))
    world.clock.advance(timedelta(minutes=11))
    assert await ExpireHolds(DueHoldsInDatabase(world.database), world.clock, describe_event)(100) == 2
    due = "SELECT payment_state, refund_due_minor FROM bookings WHERE state = 'expired' ORDER BY start_at"
    assert await world.rows(due) == [("refund_due", 4_000), ("awaiting", 0)]
    assert await till.told_refunds(paid) == 4_000


@pytest.mark.covers("B6")
@pytest.mark.parametrize("ending", ["is cancelled", "has too many", "gets it"])
async def test_whoever_waits_for_somebody_who_takes_the_same_time_gets_it_unless_they_do(world, ending):
    service_id = world.salon.service(*world.staff, terms={"maximum_active_bookings": 2})
    first, second, third = new_id(), new_id(), new_id()
    booked = await world.book(
        world.salon.at(16, 9), service_id, staff=world.staff[0], metadata=world.customer(first)
    )

    def take(customer):
        call = world.book(
            world.salon.at(16, 12), service_id, staff=world.staff[0], metadata=world.customer(customer)
        )
        return asyncio.create_task(attempt(call))

    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with world.database.transaction() as other:
        count = "UPDATE customer_counters SET active = active + %s WHERE customer_id = %s"
        await other.execute(count, [int(ending == "has too many"), first])
        taking = take(first)
        await eventually(lambda: world.rows(waiting))
        following = [take(customer) for customer in (second, third)]
        await world.get(booked, metadata=world.member())  # calls begin in turn: those before are under way
        for _ in range(10):  # who wants the row as well would be seen waiting for it
            assert len(await world.rows(waiting)) == 1
        if ending == "is cancelled":
            taking.cancel()
            assert sorted(await asyncio.gather(*following)) == ["ABORTED SLOT_TAKEN", "done"]
    answers = sorted(await asyncio.gather(*following))
    if ending == "has too many":
        assert await taking == "FAILED_PRECONDITION TOO_MANY_BOOKINGS"
        assert answers == ["ABORTED SLOT_TAKEN", "done"]
    if ending == "gets it":
        assert (await taking, answers) == ("done", ["ABORTED SLOT_TAKEN"] * 2)
    assert await world.rows(OVERLAPS) == [(0,)]
