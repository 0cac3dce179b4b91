"""Guests who wait: what becomes of it once they have an account, and when it is forgotten."""

from datetime import timedelta

import pytest
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.jobs.waitlist_retention import ENTRIES_KEPT, WaitlistRetention
from kursi_chassis.ids import new_id

HISTORY = "SELECT action, actor FROM waitlist_history WHERE entry_id = %s ORDER BY revision"
LEFT = """
SELECT (SELECT count(*) FROM waitlist_entries), (SELECT count(*) FROM waitlist_offers), (SELECT count(*) FROM waitlist_history),
       (SELECT count(*) FROM claims WHERE offer_id IS NOT NULL)
"""


@pytest.fixture
def join(world):
    """The number of a guest is verified: `await join(guest_id, user_id)`; the same event each time for the same two."""
    events = {}

    async def joined(guest_id, user_id):
        event = events.setdefault((guest_id, user_id), new_id())
        told = JoinedGuest(guest_id, world.salon.id, user_id, world.clock.now())
        await world.have.waiting.join_guest(event, told)

    return joined


@pytest.fixture
def wait(world, room):
    """The salon puts a guest on its list."""

    async def waits(guest_id, first=9, last=17, *services):
        return await room.join(first, last, 16, *services, metadata=world.member(), customer_id=str(guest_id))

    return waits


@pytest.mark.covers("B12", "B18")
async def test_who_joins_goes_on_waiting_and_accepts_what_was_offered_to_the_guest(world, room, wait, join):
    guest_id, user_id = new_id(), new_id()
    offered = await wait(guest_id)
    assert await room.matched() == 1
    waiting = await wait(guest_id, 9, 10, world.salon.service(*world.staff))
    for _ in range(2):
        await join(guest_id, user_id)
    assert [(kind, event.customer_id) for kind, event in await room.told()][-2:] == [
        ("waitlist_updated", str(user_id)),
        ("waitlist_updated", str(user_id)),
    ]
    assert len(await room.told()) == 5
    assert await world.rows(HISTORY, waiting.id) == [
        ("created", f"user:{world.member_id}"),
        ("updated", "service:identity"),
    ]
    booked = await room.accept(await room.get(offered), metadata=world.customer(user_id))
    assert booked.customer_id == str(user_id)
    assert await room.broken() == []


@pytest.mark.covers("B12", "B18")
async def test_who_waits_for_the_same_already_waits_once(world, room, wait, join):
    guest_id, user_id = new_id(), new_id()
    own = await room.join(user=user_id)
    twin = await wait(guest_id)
    await join(guest_id, user_id)
    assert await room.states(own, twin) == ["WAITING", "CANCELLED"]
    assert {(await room.get(one)).customer_id for one in (own, twin)} == {str(user_id)}
    assert await room.broken() == []


@pytest.mark.covers("B12", "B18")
async def test_an_entry_that_was_being_written_while_its_guest_was_joined_is_found_later(
    world, room, wait, join
):
    guest_id, user_id = new_id(), new_id()
    await join(guest_id, user_id)
    late = await wait(guest_id)
    await world.have.waiting.join_guest.stragglers()
    assert (await room.get(late)).customer_id == str(user_id)


@pytest.mark.covers("B12")
async def test_an_entry_is_forgotten_a_season_after_it_ended_with_its_offers_and_history(world, room):
    retention = WaitlistRetention(world.database, world.clock)
    ended = await room.offered()
    await room.decline(ended)
    await room.cancel(ended)
    await retention.run()
    assert await world.rows(LEFT) == [(1, 1, 4, 1)]
    world.clock.advance(ENTRIES_KEPT + timedelta(seconds=1))
    await retention.run()
    assert await world.rows(LEFT) == [(0, 0, 0, 0)]


async def test_who_waits_or_was_booked_since_is_not_forgotten(world, room):
    booked = await room.accept(await room.offered())
    await room.join()
    world.clock.advance(ENTRIES_KEPT - timedelta(minutes=1))
    await WaitlistRetention(world.database, world.clock).run()
    assert await world.rows(LEFT) == [(2, 1, 4, 0)]
    world.clock.advance(timedelta(minutes=2))
    await WaitlistRetention(world.database, world.clock).run()
    assert await world.rows("SELECT state FROM waitlist_entries") == [("waiting",)]
    assert (await world.get(booked, metadata=world.member())).id == booked.id
