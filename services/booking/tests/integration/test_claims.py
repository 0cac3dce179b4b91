"""The statements that take and move claims, without the engine in front of them to keep them apart."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.answers import AlreadyAnswered, KeyedRequest
from kursi_booking.ports.bookings import NewBooking, TimeTaken
from kursi_booking.store.bookings import Bookings
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

DAY = datetime(2026, 6, 1, tzinfo=UTC)
NOW = DAY - timedelta(days=7)
TERMS = PolicySnapshot(timedelta(hours=24), timedelta(hours=24), timedelta(minutes=10), auto_confirm=True)
SALON, CUSTOMER = UUID(int=1), UUID(int=2)
BY_CUSTOMER, BY_SALON = Act("user:2", Party.CUSTOMER, NOW), Act("user:9", Party.SALON, NOW)
OVERLAPS = """
SELECT count(*) FROM claims AS a JOIN claims AS b ON a.resource_id = b.resource_id AND a.during && b.during AND a.id < b.id
WHERE a.state <> 'released' AND b.state <> 'released'
"""


def hour_from(quarter):
    start = DAY + timedelta(minutes=15 * quarter)
    return TimeRange(start, start + timedelta(hours=1))


def item(during, staff_id):
    return Item(new_id(), UUID(int=5), staff_id, during, Money("SAR", 10_000))


def claims(during, resources):
    return tuple(Claim(resource, during) for resource in sorted(resources))


def new_booking(during, resources, *, limit=None, request_id=""):
    change = verbs.create(
        BY_CUSTOMER,
        booking_id=new_id(),
        salon_id=SALON,
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=CUSTOMER,
        items=(item(during, resources[0]),),
        policy=TERMS,
    )
    return NewBooking(
        change=change,
        claims=claims(during, resources),
        active_limit=limit,
        event=describe_event(None, change),
        request=KeyedRequest("user:2", "CreateBooking", request_id, b"same"),
        answer=b"first",
    )


async def move(store, booking_id, during, resources):
    async with store.work() as work:
        before = await work.locked(booking_id)
        items = (replace(before.items[0], during=during, staff_id=resources[0]),)
        change = verbs.reschedule(before, BY_SALON, items)
        if change.event is not None:
            await work.save_moved(change, describe_event(before, change), claims(during, resources))


async def attempt(call):
    """What became of it, a deadlock included: nobody retries here."""
    try:
        await call
    except (TimeTaken, psycopg.Error) as error:
        return type(error).__name__
    return "done"


async def in_turn(calls):
    return [await attempt(call()) for call in calls]


async def outcomes_of(workers):
    return Counter(outcome for found in await asyncio.gather(*map(in_turn, workers)) for outcome in found)


@pytest_asyncio.fixture
async def wide(databases):
    """A database with a connection for each of sixteen workers."""
    with databases.borrow("booking") as urls:
        database = await Database.open(urls.app, pool_size=16, application_name="test")
        yield database
        await database.close()


async def count(database, statement):
    async with database.reading() as connection:
        row = await (await connection.execute(statement)).fetchone()
    return row[0]


@pytest.mark.covers("B6", "1")
async def test_bookings_of_three_resources_on_one_day_never_deadlock(wide):
    store, shuffle = Bookings(wide), random.Random(5)
    resources = [new_id() for _ in range(6)]

    def call():
        booking = new_booking(hour_from(shuffle.randrange(40)), shuffle.sample(resources, 3))
        return lambda: store.create(booking)

    outcomes = await outcomes_of([[call() for _ in range(20)] for _ in range(16)])
    assert set(outcomes) == {"done", "TimeTaken"}
    assert await count(wide, OVERLAPS) == 0
    assert await count(wide, "SELECT count(*) FROM claims") == 3 * outcomes["done"]
    assert await count(wide, "SELECT active FROM customer_counters") == outcomes["done"]


@pytest.mark.covers("B8", "1")
async def test_moves_among_bookings_never_deadlock_and_lose_no_claim(wide):
    store, shuffle = Bookings(wide), random.Random(6)
    resources = [new_id() for _ in range(3)]
    made = [new_booking(hour_from(8 * number), resources[:2]) for number in range(5)]
    for booking in made:
        await store.create(booking)

    def call():
        booking_id = shuffle.choice(made).change.booking.booking_id
        during, chosen = hour_from(shuffle.randrange(36)), shuffle.sample(resources, 2)
        return lambda: move(store, booking_id, during, chosen)

    outcomes = await outcomes_of([[call() for _ in range(15)] for _ in range(16)])
    assert set(outcomes) == {"done", "TimeTaken"}
    assert await count(wide, OVERLAPS) == 0
    assert await count(wide, "SELECT count(*) FROM claims WHERE state <> 'released'") == 10


async def test_a_taken_claim_leaves_nothing_of_the_refused_booking(wide):
    store, one, other = Bookings(wide), UUID(int=11), UUID(int=12)
    await store.create(new_booking(hour_from(0), [other]))
    with pytest.raises(TimeTaken):
        await store.create(new_booking(hour_from(1), [one, other], request_id="key"))
    tables = ("bookings", "booking_items", "claims", "booking_history", "outbox")
    assert [await count(wide, f"SELECT count(*) FROM {table}") for table in tables] == [1, 1, 1, 1, 1]
    assert await count(wide, "SELECT count(*) FROM replies") == 0
    assert await count(wide, "SELECT active FROM customer_counters") == 1


async def test_claims_of_one_booking_that_touch_the_next_do_not_conflict(wide):
    store, resource = Bookings(wide), UUID(int=11)
    await store.create(new_booking(hour_from(0), [resource]))
    await store.create(new_booking(hour_from(4), [resource]))
    assert await count(wide, "SELECT count(*) FROM bookings") == 2


async def test_a_repetition_needs_no_second_connection(database_urls):
    database = await Database.open(database_urls.app, pool_size=1, application_name="test")
    store, resource = Bookings(database), new_id()
    await store.create(new_booking(hour_from(0), [resource], request_id="key-1"))

    with pytest.raises(AlreadyAnswered):
        await store.create(new_booking(hour_from(4), [resource], request_id="key-1"))

    await database.close()


@pytest.mark.parametrize("claims", [1, 2])
async def test_a_repetition_is_known_before_anything_is_in_its_way(wide, claims):
    store, resources = Bookings(wide), [new_id() for _ in range(claims)]
    await store.create(new_booking(hour_from(0), resources, request_id="key-1"))
    with pytest.raises(AlreadyAnswered):
        await store.create(new_booking(hour_from(0), resources, request_id="key-1"))
