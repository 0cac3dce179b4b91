"""GetBooking and ListBookings as callers see them."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_chassis.ids import new_id

Booking = booking_pb2.Booking


async def listed(world, metadata=None, **wanted):
    request = pb.ListBookingsRequest(**wanted)
    return await world.stub.ListBookings(request, metadata=metadata or world.customer())


@pytest.mark.covers("7")
async def test_customers_list_their_own_and_members_their_salons(world, refusal):
    other_customer = new_id()
    mine = [await world.book(world.salon.at(16, hour), staff=world.staff[0]) for hour in (9, 11)]
    theirs = await world.book(
        world.salon.at(16, 10), staff=world.staff[1], metadata=world.customer(other_customer)
    )
    salon_id = str(world.salon.id)
    assert [one.id for one in (await listed(world)).bookings] == [mine[1].id, mine[0].id]
    everything = await listed(world, world.member(), salon_id=salon_id)
    assert [one.id for one in everything.bookings] == [mine[1].id, theirs.id, mine[0].id]
    of_staff = await listed(world, world.member(), salon_id=salon_id, staff_id=str(world.staff[1]))
    assert [one.id for one in of_staff.bookings] == [theirs.id]
    of_customer = await listed(world, world.member(), salon_id=salon_id, customer_id=str(other_customer))
    assert [one.id for one in of_customer.bookings] == [theirs.id]
    start = Timestamp(seconds=theirs.start_time.seconds)
    early = await listed(world, world.member(), salon_id=salon_id, start_time_max=start)
    late = await listed(world, world.member(), salon_id=salon_id, start_time_min=start)
    assert ([one.id for one in early.bookings], len(late.bookings)) == ([mine[0].id], 2)
    await world.act("CancelBooking", theirs)
    cancelled = await listed(world, world.member(), salon_id=salon_id, states=[Booking.CANCELLED])
    assert [one.id for one in cancelled.bookings] == [theirs.id]
    denied = await refusal(listed(world, salon_id=salon_id))
    assert (denied.code, denied.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    spying = await refusal(listed(world, customer_id=str(other_customer)))
    assert spying.code is grpc.StatusCode.PERMISSION_DENIED


async def test_pages_follow_each_other_without_gap_or_repetition(world, refusal):
    made = [await world.book(world.salon.at(16, hour)) for hour in range(9, 14)]
    pages, token = [], ""
    for _ in range(3):
        page = await listed(world, page_size=2, page_token=token)
        pages.append([one.id for one in page.bookings])
        token = page.next_page_token
    assert [one for page in pages for one in page] == [one.id for one in reversed(made)]
    assert token == ""
    other = (await listed(world, page_size=2)).next_page_token
    stolen = await refusal(listed(world, world.customer(new_id()), page_token=other))
    assert stolen.violations == {"pageToken": "MALFORMED"}


async def test_a_state_that_nobody_knows_is_refused(world, refusal):
    answer = await refusal(listed(world, states=[99]))
    assert answer.violations == {"states": "UNKNOWN_VALUE"}


async def test_the_salon_and_admins_see_a_booking(world):
    booked = await world.book(world.salon.at(16, 10))
    assert await world.get(booked, world.member()) == booked
    assert await world.get(booked, world.admin()) == booked
