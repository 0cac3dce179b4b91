"""New connections know the statements of a booking before a customer needs them."""

import pytest_asyncio
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_booking.rehearsal import RUNS, rehearse
from kursi_booking.store.numbered import numbered
from kursi_booking.store.staff_days import LOADS
from kursi_chassis.db.database import Database

PLANS = """
SELECT custom_plans, generic_plans FROM pg_prepared_statements
WHERE statement LIKE ANY ('{%INTO bookings%,%customer_counters%,%choose_alone%,%AS busy%}')
"""
STATEMENTS = 4
TABLES = ["bookings", "booking_items", "booking_history", "claims", "customer_counters", "outbox", "replies"]


@pytest_asyncio.fixture
async def database(database_urls):
    """One connection, which has rehearsed."""
    opened = await Database.open(database_urls.app, pool_size=1, application_name="test", rehearse=rehearse)
    yield opened
    await opened.close()


async def rows(database, statement):
    async with database.reading() as connection:
        return await (await connection.execute(statement, prepare=False)).fetchall()


async def test_a_rehearsal_leaves_nothing_behind(database):
    assert await rows(database, PLANS)
    left = [await rows(database, f"SELECT count(*) FROM {table}") for table in TABLES]
    assert left == [[(0,)]] * len(TABLES)


async def test_no_booking_is_planned_anew_after_the_rehearsal(world, database):
    assert await rows(database, PLANS) == [(RUNS - 1, 1)] * STATEMENTS
    at, (first, second) = world.salon.at, world.staff
    prepaid, dear = world.prepaid_service(), world.salon.service(first, price=90_000_000)
    await world.book(at(16, 9), staff=first)
    await world.book(at(16, 10), prepaid, staff=first, metadata=world.customer(), request_id="a")
    await world.book(at(16, 11), dear, staff=first, note="A word", request_id="b")
    await world.book(at(16, 12), world.service_id, world.service_id, staff=second)
    guest = pb.WalkIn(phone_number="+966500000001", display_name="Noura")
    await world.book(at(16, 14), staff=second, metadata=world.member(), guest=guest)
    await world.book(at(16, 15), metadata=world.customer())
    plans = await rows(database, PLANS)
    assert [custom for custom, _ in plans] == [RUNS - 1] * STATEMENTS
    assert all(kept > 1 for _, kept in plans)


async def test_who_has_what_is_looked_up_even_by_a_plan_that_was_made_while_there_was_nothing(database):
    plan = await rows(database, f"EXPLAIN (GENERIC_PLAN) {numbered(LOADS).text.decode()}")
    scans = {line.strip(" ->").split("  ")[0] for (line,) in plan if " on booking" in line}
    assert scans == {
        "Index Scan using booking_items_by_staff_visit on booking_items i",
        "Index Scan using booking_items_assisted on booking_items i_1",
        "Index Scan using bookings_pkey on bookings",
    }
