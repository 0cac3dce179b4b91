"""Names under which services and people are booked for the first time, by several at once."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from kursi_chassis.ids import new_id
from psycopg.types.json import Jsonb

BOOKING = """
INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at, salon_names, time_zone,
    territory_code, currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments, policy, channel, note,
    cancellation_reason, created_at, updated_at)
VALUES (%s, %s, uuidv7(), 'confirmed', 'not_required', 1, now(), now() + interval '1 hour', '{}', 'UTC', 'SA', 'SAR', 0, 0, 0,
    0, '{}', '{}', 'customer', '', '', now(), now())
"""
ITEM = """
INSERT INTO booking_items (booking_id, position, id, service_id, service_names, staff_id, staff_names, add_on_ids, start_at,
    end_at, price_minor, visit_start_at)
VALUES (%s, %s, uuidv7(), %s, %s, %s, %s, '{}', now(), now() + interval '1 hour', 0, now())
"""
KNOWN = "SELECT count(DISTINCT (subject_id, kind)) FROM booked_names WHERE salon_id = %s"


@pytest.mark.covers("B16")
async def test_two_with_the_same_new_names_in_another_order_do_not_wait_for_each_other(database):
    salon_id, bookings = new_id(), [new_id(), new_id()]
    names = [(new_id(), Jsonb({"en": what}), new_id(), Jsonb({"en": who})) for what, who in ("ab", "cd")]
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(database.transaction()) for _ in bookings]
        await one.execute(BOOKING, [bookings[0], salon_id])
        await other.execute(BOOKING, [bookings[1], salon_id])
        await one.execute(ITEM, [bookings[0], 0, *names[0]])
        await other.execute(ITEM, [bookings[1], 0, *names[1]])
        await asyncio.gather(
            one.execute(ITEM, [bookings[0], 1, *names[1]]), other.execute(ITEM, [bookings[1], 1, *names[0]])
        )
    async with database.reading() as connection:
        assert await (await connection.execute(KNOWN, [salon_id])).fetchall() == [(4,)]
