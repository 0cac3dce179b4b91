"""Many visits that go where there is room for most of them, with committed sessions: everybody who is free is asked."""

import asyncio
from collections import Counter

import pytest
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_chassis.ids import new_id
from racing import OVERLAPS, attempt
from series_calls import ROOMY

TEAM = 6


async def all_at_once(calls):
    return Counter(await asyncio.gather(*map(attempt, calls)))


@pytest.fixture
def team(world):
    """So many people, none of whom has anything to do yet: whoever may choose among them chooses the same one."""
    return [world.salon.staff() for _ in range(TEAM)]


@pytest.mark.covers("B7", "B8")
async def test_visits_that_move_to_one_time_get_everybody_who_is_free_there(world, team):
    service = world.salon.service(*team, terms=ROOMY)
    visits = [
        await world.book(world.salon.at(17 + number, 9), service, staff=team[0], metadata=world.member())
        for number in range(TEAM + 1)
    ]
    target = world.request(world.salon.at(16, 10)).start_time
    moved = await all_at_once(
        world.act("RescheduleBooking", one, metadata=world.member(), start_time=target) for one in visits
    )
    assert moved == {"done": TEAM, "ABORTED SLOT_TAKEN": 1}
    assert await world.rows(OVERLAPS) == [(0,)]


@pytest.mark.covers("B7", "B8")
async def test_services_added_at_one_time_get_everybody_who_is_free_for_them(world, team):
    first_part = [world.salon.staff() for _ in range(TEAM + 1)]
    service, extra = world.salon.service(*first_part, terms=ROOMY), world.salon.service(*team, terms=ROOMY)
    customers = [world.customer(new_id()) for _ in first_part]
    visits = [
        await world.book(world.salon.at(16, 10), service, staff=person, metadata=customer)
        for person, customer in zip(first_part, customers, strict=True)
    ]
    items = [pb.WantedItem(service_id=str(one)) for one in (service, extra)]
    changed = await all_at_once(
        world.act("ChangeServices", one, metadata=customer, items=items)
        for one, customer in zip(visits, customers, strict=True)
    )
    assert changed == {"done": TEAM, "ABORTED SLOT_TAKEN": 1}
    assert await world.rows(OVERLAPS) == [(0,)]
