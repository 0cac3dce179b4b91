"""Everybody who works on the seats of one session at one instant: nobody waits in a circle."""

import asyncio

import pytest
from kursi_booking.domain.guest import JoinedGuest
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from session_calls import call_off

WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND datname = current_database()
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
LEFT = """
SELECT s.state, s.taken, (SELECT count(*) FROM bookings WHERE state <> 'cancelled'), (SELECT sum(active) FROM customer_counters)
FROM sessions AS s
"""


@pytest.mark.covers("B11")
async def test_calling_off_with_everybody_else_at_its_seats_deadlocks_with_nobody(world, planned):
    session = await planned(capacity=20)
    guest_id, user_id, other_id = new_id(), new_id(), new_id()
    seats = {who: await world.join(session, world.customer(who)) for who in (guest_id, user_id, other_id)}
    joined = JoinedGuest(guest_id, world.salon.id, user_id, world.clock.now())

    async def all_wait():
        return await world.rows(WAITING) == [(sum(not task.done() for task in tasks),)]

    async with world.database.transaction() as first:
        # Whoever comes gets as far as the last lock that all of them need, in the order in which each asks for its locks.
        await first.execute("SELECT FROM sessions WHERE id = %s FOR UPDATE", [session.id])
        calls = [
            call_off(world, session),
            world.join(session, world.customer(user_id)),
            world.join(session, world.customer(other_id)),
            world.act("CancelBooking", seats[other_id], metadata=world.customer(other_id)),
            world.have.waiting.join_guest(new_id(), joined),
        ]
        tasks = [asyncio.ensure_future(call) for call in calls]
        await eventually(all_wait)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await world.rows(DEADLOCKS) == [(0,)]
    assert await world.rows(LEFT) == [("cancelled", 0, 0, 0)]
