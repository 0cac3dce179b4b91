"""Two who write a visit at once, with committed sessions: no day gets more visits than it may have."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.booking.v1.booking_service_pb2_grpc import BookingServiceStub
from kursi_booking.main import servicers
from kursi_chassis.errors import RetryLater
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused, serving
from series_calls import ROOMY, wanted

ON_TARGET = """
SELECT (SELECT count(*) FROM bookings WHERE (start_at AT TIME ZONE time_zone)::date = '2026-03-20')
     + (SELECT count(*) FROM waitlist_offers WHERE state = 'open')
"""
WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""
TARGET = 20
REFUSALS = {"DAY_FULL", "STAFF_DAY_FULL", "SERIES_DOES_NOT_FIT", "RETRY_LATER", "none"}


async def outcome(call):
    """`done`, or the rule or else the reason of the refusal; `none` for a pass over those who wait without an offer."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return answer.metadata.get("rule", answer.reason)
    except RetryLater as error:
        return error.reason
    return "none" if answer == 0 else "done"


async def at_one_instant(world, calls):
    """How often each outcome came. All get as far as they can before any of them can commit, as each writes an event."""

    async def all_wait():
        return await world.rows(WAITING) == [(sum(not task.done() for task in tasks),)]

    async with world.database.transaction() as other:
        await other.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        tasks = [asyncio.create_task(outcome(call)) for call in calls]
        await eventually(all_wait)
    return Counter(await asyncio.gather(*tasks))


def limited(world, **terms):
    return world.salon.service(*world.staff, terms={**ROOMY, **terms})


async def book(world, room, service, hour):
    start, who = world.salon.at(TARGET, hour), world.customer(new_id())
    return world.book(start, service, staff=world.staff[0], metadata=who)


async def move(world, room, service, hour):
    who = world.customer(new_id())
    booked = await world.book(
        world.salon.at(TARGET + hour - 8, hour), service, staff=world.staff[0], metadata=who
    )
    start, staff = world.request(world.salon.at(TARGET, hour)).start_time, [str(world.staff[0])]
    return world.act("RescheduleBooking", booked, metadata=who, start_time=start, staff_ids=staff)


async def series(world, room, service, hour):
    two_weeks = wanted(world, service, world.salon.at(TARGET, hour), staff=world.staff[0], count=2)
    return world.series.CreateSeries(two_weeks, metadata=world.customer(new_id()))


async def offer(world, room, service, hour):
    await room.join(hour, hour + 1, TARGET, service, staff=world.staff[0])
    return room.matched()


PAIRS = [(book, move), (book, series), (book, offer), (move, move), (move, offer), (series, series)]


@pytest.mark.covers("B1", "B11", "B12")
@pytest.mark.parametrize(
    ("limit", "one", "other"),
    [
        *(("maximum_bookings_per_day", *pair) for pair in PAIRS),
        ("maximum_bookings_per_staff_day", book, move),
        ("maximum_bookings_per_staff_day", series, offer),
    ],
)
async def test_two_at_one_instant_get_the_last_visit_of_a_day_once(world, room, limit, one, other):
    service = limited(world, **{limit: 1})
    # Offers are made for the hour at which nothing else is wanted, so that they meet at the limit only.
    found = await at_one_instant(
        world, [await one(world, room, service, 9), await other(world, room, service, 11)]
    )
    assert found["done"] == 1
    assert set(found) - {"done"} <= REFUSALS
    assert await world.rows(ON_TARGET) == [(1,)]


class LimitsDaysMeanwhile:
    """The salon's offers; when so many have looked for what taking alone decides, days get a limit of one visit."""

    def __init__(self, world):
        self._world = world
        self._looking = 0
        self._limited = asyncio.Event()
        self._limited.set()

    def after(self, looks):
        self._looking = looks
        self._limited.clear()

    async def to_take(self, ask):
        offer = await self._world.have.offers.to_take(ask)
        self._looking -= 1
        if self._looking == 0:
            salon = self._world.salon
            salon.answer.offers[-1].policy.maximum_bookings_per_day = 1
            salon.version += 1
            self._world.kept.heard_of(salon.id, salon.version)
            self._limited.set()
        await self._limited.wait()
        return offer

    async def to_book(self, ask):
        return await self._world.have.offers.to_book(ask)


@pytest.mark.covers("B1")
async def test_a_limit_that_is_set_between_two_looks_is_kept_by_both_who_looked(world, booking_settings):
    """Both times were given back: they are looked at again before they are taken, and then have a limit in common."""
    service, offers = limited(world), LimitsDaysMeanwhile(world)
    have = replace(world.have, offers=offers)
    async with serving(servicers(have, booking_settings), world.mint) as channel:
        here = replace(world, stub=BookingServiceStub(channel))
        for hour in (9, 11):
            await here.act("CancelBooking", await (await book(here, None, service, hour)))
        offers.after(looks=2)
        found = await at_one_instant(here, [await book(here, None, service, hour) for hour in (9, 11)])
    assert found == {"done": 1, "DAY_FULL": 1}


@pytest.mark.covers("B1", "B12")
async def test_those_who_wait_are_offered_no_more_than_the_day_may_have(world, room):
    service = limited(world, maximum_bookings_per_day=2)
    waiting = [await room.join(hour, hour + 1, TARGET, service) for hour in (9, 11, 13)]
    assert await room.matched() == 2
    assert await room.states(*waiting) == ["OFFERED", "OFFERED", "WAITING"]
    # What is offered can be booked: until it is answered, nobody else gets it.
    assert await outcome(world.book(world.salon.at(TARGET, 16), service)) == "DAY_FULL"
    for entry in waiting[:2]:
        await room.accept(await room.get(entry))
    assert await world.rows(ON_TARGET) == [(2,)]


@pytest.mark.covers("B1", "B12")
async def test_an_offer_counts_for_its_person_until_it_is_declined(world, room):
    service = limited(world, maximum_bookings_per_staff_day=1)
    entry = await room.offered(9, 10, day=TARGET, staff=world.staff[0])
    mine = {"staff": world.staff[0], "metadata": world.customer(new_id())}
    assert await outcome(world.book(world.salon.at(TARGET, 12), service, **mine)) == "STAFF_DAY_FULL"
    await room.decline(entry)
    assert await outcome(world.book(world.salon.at(TARGET, 12), service, **mine)) == "done"


@pytest.mark.covers("B8")
async def test_services_change_on_a_day_that_the_salon_filled_beyond_its_limit(world):
    service = limited(world, maximum_bookings_per_day=1)
    booked = await world.book(world.salon.at(TARGET, 9), service)
    await world.book(world.salon.at(TARGET, 12), service, metadata=world.member(), customer_id=str(new_id()))
    items = [pb.WantedItem(service_id=str(one)) for one in (service, world.service_id)]
    changed = await world.act("ChangeServices", booked, metadata=world.customer(), items=items)
    assert changed.end_time.ToDatetime() - changed.start_time.ToDatetime() == timedelta(hours=2)
