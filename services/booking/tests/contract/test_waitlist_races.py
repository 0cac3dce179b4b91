"""Answers, time running out and other customers at once, with committed sessions: one of them has the time."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from kursi_booking.store.claims import TAKE_LOCKS, lock_keys, read_claims
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from racing import OVERLAPS
from waiting_room import Entry, outcome

# The booking has the time, or the offer has it, or nobody: never two of them.
HOLDERS = "SELECT count(booking_id), count(offer_id) FROM claims WHERE state <> 'released'"
OFFERED_AND_DECLINED = """
UPDATE waitlist_entries SET state = %s, revision = revision + 1,
    passed = '{[2026-03-16 06:00:00+00, 2026-03-16 08:00:00+00)}'
"""
COUNT = "INSERT INTO customer_counters (salon_id, customer_id, active) VALUES (%s, %s, 0)"
TAKE_THE_SAME = """
INSERT INTO claims (resource_id, during, state)
SELECT resource_id, during, 'blocked' FROM claims WHERE offer_id IS NOT NULL ON CONFLICT DO NOTHING
"""
TEN_MINUTES = timedelta(minutes=10)


async def settled(room, entry):
    """What is left of the entry, its offers, bookings and claims, after checking that they agree."""
    assert await room.broken() == []
    assert await room.world.rows(OVERLAPS) == [(0,)]
    state = Entry.State.Name((await room.get(entry)).state)
    ((bookings,),) = await room.world.rows("SELECT count(*) FROM bookings")
    ((booked, offered),) = await room.world.rows(HOLDERS)
    assert (bookings, booked, offered) == ((1, 1, 0) if state == "BOOKED" else (0, 0, 0))
    ((active,),) = await room.world.rows("SELECT coalesce(sum(active), 0) FROM customer_counters")
    assert active == bookings
    return state


@pytest.mark.covers("B12")
async def test_of_fifty_acceptances_one_wins(room, world):
    entry = await room.offered()
    calls = [room.accept(entry, request_id=f"attempt-{number}") for number in range(50)]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert outcomes == {"done": 1, "OFFER_GONE": 49}
    assert await settled(room, entry) == "BOOKED"
    told = await world.rows("SELECT count(*) FROM outbox WHERE subject LIKE %s", "%.waitlist_booked")
    assert told == [(1,)]


@pytest.mark.covers("B12", "5")
async def test_fifty_repetitions_of_one_acceptance_get_one_booking(room):
    entry = await room.offered()
    calls = [room.accept(entry, request_id="the-same") for _ in range(50)]
    bookings = await asyncio.gather(*calls)
    assert len({booking.id for booking in bookings}) == 1
    assert await settled(room, entry) == "BOOKED"


@pytest.mark.covers("B12")
@pytest.mark.parametrize("other", ["decline", "cancel"])
async def test_of_an_acceptance_and_a_refusal_one_wins(room, other):
    entry = await room.offered()
    calls = [room.accept(entry) if number % 2 else getattr(room, other)(entry) for number in range(20)]
    outcomes = await asyncio.gather(*map(outcome, calls))
    refused = "CANCELLED" if other == "cancel" else "WAITING"
    state = await settled(room, entry)
    accepted = [answer for number, answer in enumerate(outcomes) if number % 2]
    assert state in ("BOOKED", refused)
    assert accepted.count("done") == (1 if state == "BOOKED" else 0)
    assert set(accepted) <= {"done", "OFFER_GONE"}
    assert set(outcomes[::2]) <= {"done", "OFFER_GONE", "ILLEGAL_TRANSITION"}


@pytest.mark.covers("B12")
@pytest.mark.parametrize("early", [True, False])
async def test_of_an_acceptance_and_the_end_of_the_time_one_wins(room, world, early):
    entry = await room.offered()
    late = [room.parts.run_out(10) for _ in range(5)]
    calls = [outcome(room.accept(entry)) for _ in range(10)]
    if not early:
        world.clock.advance(TEN_MINUTES)
        results = await asyncio.gather(*calls, *late)
        assert set(results[:10]) == {"OFFER_GONE"}
        # An entry that an acceptance has in hand is left to it, so all five may have passed it over.
        assert sum(results[10:]) + await room.parts.run_out(10) == 1
        assert await settled(room, entry) == "WAITING"
        return

    async def end():
        # Between the acceptances, wherever they are: what began before the end may be accepted after it.
        world.clock.advance(TEN_MINUTES)
        return [await one for one in late]

    outcomes = await asyncio.gather(*calls[:5], end(), *calls[5:])
    await room.parts.run_out(10)
    state = await settled(room, entry)
    assert state in ("BOOKED", "WAITING")
    assert outcomes.count("done") == (1 if state == "BOOKED" else 0)


@pytest.mark.covers("B12", "1")
async def test_freed_time_that_others_want_too_is_somebodys_once(room, world):
    booked = await room.fill(hours=range(9, 12))
    await room.fill(hours=range(12, 17))
    entries = [await room.join(9, 17) for _ in range(6)]
    calls = []
    for hour in range(9, 12):
        booking = booked[hour, world.staff[0]]
        start = world.salon.at(16, hour)
        calls += [room.free(booking), *[room.matched() for _ in range(2)]]
        calls += [
            outcome(world.book(start, staff=world.staff[0], metadata=world.customer(new_id())))
            for _ in range(4)
        ]
    await asyncio.gather(*calls)
    await room.matched()
    assert await room.broken() == []
    assert await world.rows(OVERLAPS) == [(0,)]
    taken = await world.rows(
        "SELECT count(*) FROM claims WHERE resource_id = %s AND state <> 'released'", world.staff[0]
    )
    assert taken == [(8,)]
    assert (await room.states(*entries)).count("OFFERED") <= 3


async def test_of_many_passes_at_once_each_offers_something_else(room, world):
    booked = await room.fill()
    entries = [await room.join() for _ in range(4)]
    for hour in (9, 10):
        await room.free(booked[hour, world.staff[0]])
    made = await asyncio.gather(*[room.matched() for _ in range(6)])
    assert sum(made) == 2
    assert (await room.states(*entries)).count("OFFERED") == 2
    assert await room.broken() == []


async def test_who_declined_while_a_pass_looked_at_them_is_not_offered_the_same_again(room, world):
    entry = await room.join(9, 10)
    async with world.database.transaction() as connection:
        await connection.execute("SELECT FROM waitlist_entries WHERE id = %s FOR UPDATE", [entry.id])
        looking = asyncio.create_task(room.matched())
        await eventually(lambda: somebody_waits_for_a_lock(world))
        for state in ("offered", "waiting"):
            await connection.execute(OFFERED_AND_DECLINED, [state])
    assert await looking == 0
    assert await room.states(entry) == ["WAITING"]


async def somebody_waits_for_a_lock(world):
    ((waiting,),) = await world.rows(
        "SELECT count(*) FROM pg_locks WHERE NOT granted "
        "AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
    )
    return waiting > 0


async def test_of_many_entries_of_one_person_at_once_five_are_taken(room, world):
    user = new_id()
    calls = [room.join(9 + number % 8, 10 + number % 8, 16 + number // 8, user=user) for number in range(16)]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert outcomes == {"done": 5, "TOO_MANY_WAITLIST_ENTRIES": 11}


async def test_an_acceptance_and_bookings_of_the_same_customer_do_not_wait_in_a_circle(room, world):
    entry = await room.offered()
    customer = UUID(entry.customer_id)
    staff = UUID(entry.offer.items[0].staff_id)
    calls = [room.accept(entry)]
    calls += [
        world.book(world.salon.at(16, 9), staff=staff, metadata=world.customer(customer)) for _ in range(10)
    ]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert outcomes == {"done": 1, "SLOT_TAKEN": 10}
    assert await settled(room, entry) == "BOOKED"


async def test_an_acceptance_takes_the_counter_before_it_gives_up_its_claims(room, world):
    """As a booking of the same customer does, which would otherwise wait for the claims while this waits for it."""
    entry = await room.offered()
    async with world.database.transaction() as connection:
        await connection.execute(COUNT, [world.salon.id, UUID(entry.customer_id)])
        accepting = room.accept(entry)
        await eventually(lambda: somebody_waits_for_a_lock(world))
        await connection.execute("SET LOCAL lock_timeout = 300")
        taken = await connection.execute(TAKE_THE_SAME)
        assert taken.rowcount == 0
    assert (await accepting).customer_id == entry.customer_id
    assert await settled(room, entry) == "BOOKED"


async def test_an_acceptance_takes_the_locks_of_its_times_before_it_gives_up_its_claims(room, world):
    """As a booking by two people does, which would otherwise wait for the claims while this waits for its locks."""
    both = [{"duration": {"seconds": 3_600}, "needs_staff": True, "staff_count": 2}]
    waiting = await room.join(9, 17, 16, world.salon.service(*world.staff, segments=both))
    await room.matched()
    entry = await room.get(waiting)
    async with world.database.transaction() as connection:
        kept = await read_claims(connection, "offer_id = %s", UUID(entry.offer.id))
        await connection.execute(TAKE_LOCKS, {"lock_keys": lock_keys(kept)})
        accepting = room.accept(entry)
        await eventually(lambda: somebody_waits_for_a_lock(world))
        await connection.execute("SET LOCAL lock_timeout = 300")
        taken = await connection.execute(TAKE_THE_SAME)
        assert (len(kept), taken.rowcount) == (2, 0)
    assert (await accepting).customer_id == entry.customer_id
    assert await world.rows(HOLDERS) == [(2, 0)]


class Meanwhile:
    """The salon's offers; right after each of the first looks at them somebody does something."""

    def __init__(self, offers, *deeds):
        self._offers = offers
        self._deeds = list(deeds)

    async def to_show(self, ask):
        offer = await self._offers.to_show(ask)
        if self._deeds:
            await self._deeds.pop(0)()
        return offer


@pytest.mark.covers("B12")
async def test_time_that_becomes_free_in_the_middle_of_a_pass_is_still_the_first_ones(room, world):
    booked = await room.fill()
    first = await room.join()
    world.clock.advance(timedelta(seconds=1))
    second = await room.join()
    offers = Meanwhile(world.have.offers, lambda: room.free(booked[9, world.staff[0]]))
    assert await room.parts.match(offers)(world.salon.id) == 1
    assert await room.states(first, second) == ["OFFERED", "WAITING"]


@pytest.mark.covers("B12")
async def test_whoever_found_what_is_the_first_ones_is_asked_again(room, world):
    booked = await room.fill()
    first = await room.join()
    world.clock.advance(timedelta(seconds=1))
    second = await room.join()

    async def free_two():
        for person in world.staff:
            await room.free(booked[9, person])

    assert await room.parts.match(Meanwhile(world.have.offers, free_two))(world.salon.id) == 2
    assert await room.states(first, second) == ["OFFERED", "OFFERED"]


@pytest.mark.covers("B12")
async def test_time_that_becomes_free_while_those_before_are_asked_again_is_the_first_ones(room, world):
    one, other = world.staff
    booked = await room.fill()
    waiting = []
    for person in (one, one, other):
        waiting.append(await room.join(staff=person))
        world.clock.advance(timedelta(seconds=1))
    looks = [
        room.told,  # at the first one's
        lambda: room.free(booked[9, other]),  # at the second one's
        room.told,  # at the third one's, who finds something
        lambda: room.free(booked[9, one]),  # at the first one's again
    ]
    assert await room.parts.match(Meanwhile(world.have.offers, *looks))(world.salon.id) == 2
    assert await room.states(*waiting) == ["OFFERED", "WAITING", "OFFERED"]


@pytest.mark.covers("B12")
async def test_whoever_is_first_is_offered_the_last_time_that_others_leave(room, world):
    """Each time that is found for them is booked by somebody else, but for one; nobody passes them by meanwhile."""
    person = world.staff[0]
    first = await room.join(staff=person)
    world.clock.advance(timedelta(seconds=1))
    second = await room.join(staff=person)
    taken = [partial(room.fill, hours=[hour], staff=[person]) for hour in range(9, 16)]
    assert await room.parts.match(Meanwhile(world.have.offers, *taken))(world.salon.id) == 1
    assert await room.states(first, second) == ["OFFERED", "WAITING"]
