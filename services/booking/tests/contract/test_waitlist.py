"""The waiting list: who waits, whose turn it is, and what becomes of an offer."""

from datetime import timedelta

import pytest
from kursi.booking.v1 import booking_service_pb2
from kursi.booking.v1 import waitlist_service_pb2 as pb
from kursi_chassis.ids import new_id
from waiting_room import OPEN_CLAIMS, Entry, moment

MINUTE = timedelta(minutes=1)


@pytest.mark.covers("B12")
async def test_freed_time_is_kept_for_who_waits_and_nobody_else_can_book_it(room, world, refusal):
    booked = await room.fill()
    entry = await room.join(9, 17)
    assert await room.matched() == 0
    await room.free(booked[11, world.staff[1]])
    assert await room.matched() == 1
    offered = await room.get(entry, room.as_owner(entry))
    assert offered.state == Entry.OFFERED
    assert offered.offer.start_time == moment(world.salon.at(16, 11))
    assert offered.offer.items[0].staff_id == str(world.staff[1])
    assert offered.offer.expire_time == moment(world.clock.now() + 10 * MINUTE)
    assert offered.offer.local_start == "2026-03-16T11:00:00+03:00"
    assert offered.offer.total.amount_minor == 10_000
    slots = await world.stub.ListSlots(
        booking_service_pb2.ListSlotsRequest(
            salon_id=str(world.salon.id),
            service_ids=[str(world.service_id)],
            start_time=moment(world.salon.at(16, 0)),
            end_time=moment(world.salon.at(17, 0)),
        ),
        metadata=world.customer(new_id()),
    )
    assert list(slots.slots) == []
    refused = await refusal(world.book(world.salon.at(16, 11), metadata=world.customer(new_id())))
    assert refused.reason == "SLOT_TAKEN"
    assert await room.broken() == []
