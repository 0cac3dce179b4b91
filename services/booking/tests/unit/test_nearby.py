"""Looking together: who may share what somebody else has seen, and what is left when they are gone."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from kursi_booking.domain.booking import SalonFacts
from kursi_booking.domain.errors import CatalogUnavailable, TooManyBookings
from kursi_booking.domain.policy import PolicySnapshot
from kursi_booking.ports.offers import Ask, Offer, WantedService
from kursi_booking.usecases.nearby import NearbyTimes, nearest
from kursi_chassis.ids import new_id

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
TERMS = PolicySnapshot(timedelta(days=1), timedelta(days=1), timedelta(minutes=15), auto_confirm=True)
SALON, SERVICE = new_id(), new_id()


class Looking:
    """An `Offers` whose looks take as long as the test likes, each with the number it has as its time."""

    def __init__(self, limit=None, failing=()):
        self.asks = []
        self.begun = asyncio.Queue()
        self.may_end = asyncio.Semaphore(0)
        self._limit = limit
        self._failing = failing

    async def to_book(self, ask):
        self.asks.append(ask)
        number = len(self.asks)
        self.begun.put_nowait(number)
        await self.may_end.acquire()
        if number in self._failing:
            raise CatalogUnavailable
        facts = SalonFacts({}, "UTC", "ZZ")
        as_of = NOW + timedelta(seconds=number)
        return Offer((), facts, (), TERMS, active_limit=self._limit, as_of=as_of, stale=False)

    def end(self, looks=1):
        for _ in range(looks):
            self.may_end.release()


class Counters:
    """The counters of a `BookingStore`."""

    def __init__(self, active=()):
        self._active = dict(active)

    async def active(self, salon_id, customers):
        assert salon_id == SALON
        return {customer: self._active[customer] for customer in customers if customer in self._active}


def ask(hour=10, customer=None):
    start = datetime(2026, 3, 16, hour, tzinfo=UTC)
    return Ask(SALON, (WantedService(SERVICE),), start, start + timedelta(seconds=1), customer_id=customer)


def number_of(around):
    return int((around.offer.as_of - NOW).total_seconds())


@pytest.fixture
def looking():
    return Looking()


async def test_whoever_comes_during_a_look_shares_the_next_one(looking):
    nearby = NearbyTimes(looking, Counters())
    first = asyncio.create_task(nearby.around(ask(), NOW))
    await looking.begun.get()
    others = [asyncio.create_task(nearby.around(ask(hour, new_id()), NOW)) for hour in range(8, 18)]
    looking.end(looks=20)
    assert number_of(await first) == 1
    assert {number_of(await other) for other in others} == {2}
    assert len(looking.asks) == 2


async def test_nothing_that_was_seen_before_is_told_to_whoever_asks_later(looking):
    nearby = NearbyTimes(looking, Counters())
    looking.end(looks=3)
    assert [number_of(await nearby.around(ask(), NOW)) for _ in range(3)] == [1, 2, 3]


async def test_who_asks_for_something_else_does_not_wait(looking):
    nearby = NearbyTimes(looking, Counters())
    asks = [ask(), Ask(SALON, (WantedService(new_id()),), ask().first, ask().last)]
    looks = [asyncio.create_task(nearby.around(one, NOW)) for one in asks]
    assert [await looking.begun.get(), await looking.begun.get()] == [1, 2]
    looking.end(looks=2)
    assert {number_of(await look) for look in looks} == {1, 2}


async def test_when_whoever_looks_gives_up_the_next_one_looks(looking):
    nearby = NearbyTimes(looking, Counters())
    first = asyncio.create_task(nearby.around(ask(), NOW))
    await looking.begun.get()
    others = [asyncio.create_task(nearby.around(ask(customer=new_id()), NOW)) for _ in range(3)]
    await asyncio.sleep(0)  # not to wait: the others come in, and are behind the first one when it goes
    first.cancel()
    looking.end(looks=20)
    assert {number_of(await other) for other in others} == {2}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_when_a_look_fails_those_who_waited_look_side_by_side():
    """Otherwise the last of a rush would wait for all others to fail."""
    looking = Looking(failing=(1, 2))
    nearby = NearbyTimes(looking, Counters())
    first = asyncio.create_task(nearby.around(ask(), NOW))
    await looking.begun.get()
    others = [asyncio.create_task(nearby.around(ask(customer=new_id()), NOW)) for _ in range(4)]
    looking.end(looks=2)
    with pytest.raises(CatalogUnavailable):
        await first
    assert [await looking.begun.get() for _ in range(4)] == [2, 3, 4, 5]
    looking.end(looks=3)
    found = await asyncio.gather(*others, return_exceptions=True)
    assert isinstance(found[0], CatalogUnavailable)
    assert {number_of(other) for other in found[1:]} == {3, 4, 5}
    looking.end()
    assert number_of(await nearby.around(ask(), NOW)) == 6


@pytest.mark.covers("B6")
async def test_each_keeps_to_their_own_limit_when_they_share_a_look():
    free, full, stranger = new_id(), new_id(), new_id()
    looking = Looking(limit=2)
    nearby = NearbyTimes(looking, Counters({free: 1, full: 2}))
    first = asyncio.create_task(nearby.around(ask(), NOW))
    await looking.begun.get()
    others = [asyncio.create_task(nearby.around(ask(customer=who), NOW)) for who in (free, full, stranger)]
    looking.end(looks=20)
    await first
    for other, who in zip(others, (free, full, stranger), strict=True):
        around = await other
        assert number_of(around) == 2
        if who == full:
            with pytest.raises(TooManyBookings):
                around.expect_room(who)
        else:
            around.expect_room(who)


async def test_the_days_that_are_looked_at_are_not_over(looking):
    nearby = NearbyTimes(looking, Counters())
    looking.end(looks=2)
    today = ask().first.replace(day=13)
    await nearby.around(Ask(SALON, (WantedService(SERVICE),), today, today), NOW)
    await nearby.around(ask(), NOW)
    assert [(one.first, one.last) for one in looking.asks] == [
        (datetime(2026, 3, 12, tzinfo=UTC), datetime(2026, 3, 17, tzinfo=UTC)),
        (datetime(2026, 3, 15, tzinfo=UTC), datetime(2026, 3, 20, tzinfo=UTC)),
    ]


@pytest.mark.covers("B6")
@given(some.sets(some.integers(0, 60)), some.integers(0, 60))
def test_the_nearest_starts_are_named_and_the_earlier_where_two_are_as_near(starts, wanted):
    by_distance = sorted(starts - {wanted}, key=lambda start: (abs(start - wanted), start))
    assert nearest(sorted(starts), wanted) == sorted(by_distance[:5])
