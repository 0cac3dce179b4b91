"""Group sessions that are called off, get other seats, or are looked at."""

import pytest
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import session_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from session_calls import call_off, resize, shown

Booking = booking_pb2.Booking
Session = pb.Session
State = Booking.State


@pytest.mark.covers("B11")
async def test_calling_a_session_off_cancels_every_seat_with_all_money_back(world, planned, till):
    service = world.prepaid_service(late_cancellation_fee_basis_points=10_000)
    session = await planned(service=service)
    paid, held, left = [await world.join(session, seats=2) for _ in range(3)]
    await till.tell(till.captured(paid, minor=20_000))
    await world.act("CancelBooking", left)
    world.clock.set(world.salon.at(16, 9, 59))
    answer = await call_off(world, session, reason="Mona is ill.")
    assert (answer.state, answer.seats_left, answer.revision) == (Session.CANCELLED, 0, 2)
    assert await world.rows("SELECT taken FROM sessions") == [(0,)]
    after = await world.get(paid, metadata=world.member())
    assert (after.state, after.settlement.refund.amount_minor) == (State.CANCELLED, 20_000)
    assert after.cancellation_reason == "Mona is ill."
    assert (await world.get(held, metadata=world.member())).state == State.CANCELLED
    assert await till.told_refunds(paid) == 20_000
    told = [(kind, event.booking_id) for kind, event in await world.events() if kind == "cancelled"]
    assert sorted(told) == sorted(("cancelled", one.id) for one in (paid, held, left))
    assert await world.rows("SELECT sum(active) FROM customer_counters") == [(0,)]
    told_of = "SELECT from_state, reason, actor FROM booking_history WHERE reason <> '' ORDER BY from_state"
    by = f"user:{world.member_id}"
    assert await world.rows(told_of) == [(before, "Mona is ill.", by) for before in ("confirmed", "held")]
    assert after.revision == 3
    # The time is free again.
    await world.book(world.salon.at(16, 14), staff=world.staff[0])
    assert await world.rows("SELECT state FROM claims WHERE session_id IS NOT NULL") == [("released",)]


async def test_calling_off_again_answers_the_same_and_writes_nothing(world, planned):
    session = await planned()
    await world.join(session)
    first = await call_off(world, session, request_id="off")
    assert await call_off(world, session, request_id="off") == first
    assert await call_off(world, session) == first
    assert await world.rows("SELECT action FROM session_history ORDER BY revision") == [
        ("planned",),
        ("cancelled",),
    ]
    assert len(await world.events()) == 2


async def test_a_session_with_somebody_in_it_or_that_began_is_not_called_off(world, planned, refusal):
    session = await planned()
    other, here = await world.join(session), await world.join(session)
    await world.act("CheckInBooking", here)
    refused = await refusal(call_off(world, session))
    assert (refused.reason, refused.metadata["state"]) == ("ILLEGAL_TRANSITION", "checked_in")
    assert (await world.get(other, metadata=world.member())).state == State.CONFIRMED
    world.clock.set(world.salon.at(16, 10))
    assert (await refusal(call_off(world, session))).reason == "SESSION_STARTED"


@pytest.mark.covers("B11")
async def test_a_session_gets_more_or_fewer_seats_but_never_fewer_than_are_taken(world, planned, refusal):
    session = await planned(capacity=3)
    await world.join(session, seats=3)
    refused = await refusal(resize(world, session, 2))
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "SEATS_TAKEN")
    assert refused.metadata["taken"] == "3"
    larger = await resize(world, session, 5, etag=session.etag)
    assert (larger.capacity, larger.seats_left, larger.revision) == (5, 2, 2)
    assert (await refusal(resize(world, session, 6, etag=session.etag))).reason == "STALE_ETAG"
    assert (await resize(world, session, 5, etag=session.etag)).revision == 2
    assert await world.rows("SELECT action, capacity FROM session_history ORDER BY revision") == [
        ("planned", 3),
        ("resized", 5),
    ]


async def test_a_stale_etag_and_a_cancelled_state_stop_changes(world, planned, refusal):
    session = await planned()
    await resize(world, session, 8)
    assert (await refusal(call_off(world, session, etag=session.etag))).reason == "STALE_ETAG"
    await call_off(world, session)
    assert (await refusal(resize(world, session, 9))).reason == "ILLEGAL_TRANSITION"


@pytest.mark.covers("7")
async def test_customers_and_strangers_can_neither_change_sessions_nor_see_who_comes(world, planned, refusal):
    session = await planned()
    await world.join(session, world.customer())
    stranger = new_id()
    metadata = (("authorization", f"Bearer {world.mint.user(stranger, salons={new_id(): Role.OWNER})}"),)
    listing = pb.ListSessionBookingsRequest(session_id=session.id)
    for caller in (world.customer(), metadata):
        for call in (
            resize(world, session, 20, metadata=caller),
            call_off(world, session, metadata=caller),
            world.sessions.ListSessionBookings(listing, metadata=caller),
        ):
            assert (await refusal(call)).code.name == "PERMISSION_DENIED"
    assert (await shown(world, session)).seats_left == 9


async def test_members_list_who_comes_page_by_page(world, planned):
    session = await planned()
    booked = [await world.join(session) for _ in range(3)]
    first = await world.sessions.ListSessionBookings(
        pb.ListSessionBookingsRequest(session_id=session.id, page_size=2), metadata=world.member()
    )
    second = await world.sessions.ListSessionBookings(
        pb.ListSessionBookingsRequest(session_id=session.id, page_size=2, page_token=first.next_page_token),
        metadata=world.member(),
    )
    assert [one.id for one in [*first.bookings, *second.bookings]] == [one.id for one in booked]
    assert second.next_page_token == ""


async def test_anybody_lists_what_is_to_come_the_soonest_first(world, planned, refusal):
    service = world.salon.service(*world.staff)
    late, early, other = (
        await planned(hour=14, service=service),
        await planned(hour=9, service=service),
        await planned(hour=12),
    )
    await call_off(world, await planned(hour=16))

    async def listed(**wanted):
        request = pb.ListSessionsRequest(salon_id=str(world.salon.id), **wanted)
        return await world.sessions.ListSessions(request)

    assert [one.id for one in (await listed()).sessions] == [early.id, other.id, late.id]
    assert [one.id for one in (await listed(service_id=str(service))).sessions] == [early.id, late.id]
    assert [one.id for one in (await listed(start_time_min=other.start_time)).sessions] == [other.id, late.id]
    assert [one.id for one in (await listed(start_time_max=other.start_time)).sessions] == [early.id]
    page = await listed(page_size=1)
    rest = await listed(page_size=5, page_token=page.next_page_token)
    assert [one.id for one in [*page.sessions, *rest.sessions]] == [early.id, other.id, late.id]
    token = page.next_page_token
    assert (await refusal(listed(service_id=str(service), page_token=token))).violations == {
        "pageToken": "MALFORMED"
    }
    world.clock.set(world.salon.at(16, 10))
    assert [one.id for one in (await listed()).sessions] == [other.id, late.id]
