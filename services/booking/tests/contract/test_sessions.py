"""Group sessions: planned by the salon, taken seat by seat, called off as a whole."""

from datetime import timedelta
from uuid import UUID

import pytest
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as booking_pb
from kursi.booking.v1 import session_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from session_calls import call_off, seats_left, shown

Booking = booking_pb2.Booking
Session = pb.Session
State = Booking.State


async def test_a_session_freezes_names_and_price_and_shows_its_seats_to_anybody(world, planned):
    session = await planned(capacity=12)
    assert session == await shown(world, session)
    assert (session.service_names["en"], session.salon_names["ar"]) == ("Service 2", "روز")
    assert (session.capacity, session.seats_left, session.price.amount_minor) == (12, 12, 10_000)
    assert session.local_start == "2026-03-16T10:00:00+03:00"
    assert session.state == Session.SCHEDULED
    assert UUID(session.staff_id) == world.staff[0]


@pytest.mark.covers("B11")
async def test_a_session_keeps_its_people_rooms_and_equipment_busy(world, planned, refusal):
    room, mat = world.salon.resource("room"), world.salon.resource("mat")
    needs = [{"duration": {"seconds": 3_600}, "needs_staff": True, "resource_kinds": ["room", "mat"]}]
    service = world.salon.service(*world.staff, segments=needs)
    await planned(service=service)
    assert await world.rows("SELECT array_agg(resource_id ORDER BY resource_id) FROM claims") == [
        (sorted([world.staff[0], room, mat]),)
    ]
    at_ten = world.salon.at(16, 10, 30)
    busy = await refusal(world.book(at_ten, staff=world.staff[0]))
    assert (busy.code.name, busy.reason) == ("ABORTED", "SLOT_TAKEN")
    # The other one is free, but the only room is not.
    assert (await refusal(world.book(at_ten, service, staff=world.staff[1]))).reason == "SLOT_TAKEN"
    offered = await world.stub.ListSlots(
        booking_pb.ListSlotsRequest(
            salon_id=str(world.salon.id),
            service_ids=[str(service)],
            start_time=world.request(world.salon.at(16, 9)).start_time,
            end_time=world.request(world.salon.at(16, 12)).start_time,
        )
    )
    assert [slot.local_start[11:16] for slot in offered.slots] == [
        "09:00",
        "11:00",
        "11:15",
        "11:30",
        "11:45",
    ]


@pytest.mark.covers("B11")
async def test_a_taken_time_is_refused_to_a_session_and_other_times_are_named(world, planned, refusal):
    await world.book(world.salon.at(16, 10), staff=world.staff[0])
    refused = await refusal(planned())
    assert (refused.code.name, refused.reason) == ("ABORTED", "SLOT_TAKEN")
    assert "2026-03-16T08:00:00Z" in refused.metadata["alternatives"]
    assert await world.rows("SELECT count(*) FROM sessions") == [(0,)]


async def test_a_salon_that_is_not_live_gives_no_seats(world, planned, refusal):
    session = await planned()
    world.salon.answer.salon.status = catalog_pb2.Salon.SUSPENDED
    answer = await refusal(world.join(session))
    assert (answer.code.name, answer.reason) == ("FAILED_PRECONDITION", "SALON_NOT_LIVE")
    assert await seats_left(world, session, world.member()) == session.capacity


async def test_only_members_plan_sessions_and_only_their_own_salons(world, planned, refusal):
    assert (await refusal(planned(metadata=world.customer()))).reason == "ROLE_REQUIRED"
    elsewhere = world.mint.user(new_id(), salons={new_id(): Role.OWNER})
    metadata = (("authorization", f"Bearer {elsewhere}"),)
    assert (await refusal(planned(metadata=metadata))).reason == "ROLE_REQUIRED"


@pytest.mark.parametrize(
    ("field", "value", "violation"),
    [
        ("capacity", 0, "REQUIRED"),
        ("capacity", 501, "OUT_OF_RANGE"),
        ("capacity", -1, "OUT_OF_RANGE"),
        ("service_id", "", "REQUIRED"),
        ("staff_id", "somebody", "NOT_AN_ID"),
    ],
)
async def test_a_session_that_cannot_be_is_refused_by_field(world, refusal, field, value, violation):
    good = {
        "salon_id": str(world.salon.id),
        "service_id": str(world.service_id),
        "start_time": world.request(world.salon.at(16, 10)).start_time,
        "capacity": 10,
    }
    request = pb.CreateSessionRequest(**{**good, field: value})
    refused = await refusal(world.sessions.CreateSession(request, metadata=world.member()))
    assert list(refused.violations.values()) == [violation]


async def test_a_session_in_the_past_is_refused(world, planned, refusal):
    world.clock.set(world.salon.at(16, 10))
    assert (await refusal(planned())).violations["startTime"] == "IN_THE_PAST"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"service": new_id()}, "SERVICE_NOT_FOUND"),
        ({"staff_id": str(new_id())}, "STAFF_NOT_FOUND"),
        ({"hour": 20}, "NOT_BOOKABLE"),
    ],
)
async def test_a_session_of_what_the_salon_does_not_have_is_refused(planned, refusal, change, reason):
    assert (await refusal(planned(**change))).reason == reason


async def test_planning_again_with_the_same_key_makes_one_session(world, planned):
    service = world.salon.service(*world.staff)
    first, second = [await planned(service=service, request_id="one-class") for _ in range(2)]
    assert first == second
    assert await world.rows("SELECT count(*) FROM sessions") == [(1,)]
    assert await world.rows("SELECT action, capacity, actor FROM session_history") == [
        ("planned", 10, f"user:{world.member_id}")
    ]


@pytest.mark.covers("B11")
async def test_joining_makes_an_ordinary_booking_without_claims_of_its_own(world, planned):
    session = await planned()
    booking = await world.join(session, world.customer(), seats=3, note="We bring mats.")
    assert booking == await world.get(booking)
    assert (booking.session_id, booking.seats, booking.state) == (session.id, 3, State.CONFIRMED)
    assert (booking.total.amount_minor, booking.items[0].staff_id) == (30_000, str(world.staff[0]))
    assert (booking.start_time, booking.end_time) == (session.start_time, session.end_time)
    assert await seats_left(world, session) == 7
    assert await world.rows("SELECT count(*) FROM claims WHERE booking_id IS NOT NULL") == [(0,)]
    assert [kind for kind, _ in await world.events()] == ["created"]
    assert [(entry,) for (entry,) in await world.rows("SELECT action FROM booking_history")] == [("created",)]


async def test_joining_again_with_the_same_key_takes_the_seats_once(world, planned):
    session = await planned()
    first, second = [
        await world.join(session, world.customer(), seats=2, request_id="us-two") for _ in range(2)
    ]
    assert first == second
    assert await seats_left(world, session) == 8


@pytest.mark.covers("B11")
async def test_a_full_session_names_the_seats_that_are_left(world, planned, refusal):
    session = await planned(capacity=3)
    await world.join(session, seats=2)
    refused = await refusal(world.join(session, seats=2))
    assert (refused.code.name, refused.reason, refused.metadata["left"]) == ("ABORTED", "SESSION_FULL", "1")
    await world.join(session, seats=1)
    assert (await refusal(world.join(session))).metadata["left"] == "0"
    assert await world.rows("SELECT count(*) FROM outbox") == [(2,)]


@pytest.mark.parametrize("seats", [-1, 11])
async def test_a_number_of_seats_that_nobody_takes_is_refused(world, planned, refusal, seats):
    session = await planned(capacity=20)
    assert (await refusal(world.join(session, seats=seats))).violations["seats"] == "OUT_OF_RANGE"


@pytest.mark.covers("B11")
async def test_seats_count_against_the_customers_limit_but_not_for_the_salon(world, planned, refusal):
    session = await planned(service=world.salon.service(*world.staff, terms={"maximum_active_bookings": 1}))
    await world.join(session, world.customer())
    assert (await refusal(world.join(session, world.customer()))).reason == "TOO_MANY_BOOKINGS"
    assert await seats_left(world, session) == 9
    await world.join(session, world.member(), customer_id=str(world.customer_id))
    assert await seats_left(world, session) == 8


async def test_members_join_for_customers_and_strangers_do_not(world, planned, refusal):
    session = await planned()
    booking = await world.join(session, world.member(), customer_id=str(world.customer_id))
    assert (booking.customer_id, booking.channel) == (str(world.customer_id), Booking.SALON)
    refused = await refusal(world.join(session, world.customer(new_id()), customer_id=str(world.customer_id)))
    assert refused.code.name == "PERMISSION_DENIED"


async def test_nobody_joins_what_began_was_called_off_or_never_was(world, planned, refusal):
    session, called_off = await planned(), await planned(hour=12)
    await call_off(world, called_off)
    refused = await refusal(world.join(called_off))
    assert (refused.reason, refused.metadata["state"]) == ("ILLEGAL_TRANSITION", "cancelled")
    assert refused.text == "A session that is cancelled cannot do this: join."
    never = Session(id=str(new_id()))
    assert (await refusal(world.join(never))).reason == "SESSION_NOT_FOUND"
    assert (await refusal(shown(world, never))).reason == "SESSION_NOT_FOUND"
    world.clock.set(world.salon.at(16, 10))
    assert (await refusal(world.join(session))).reason == "SESSION_STARTED"


@pytest.mark.covers("B11")
async def test_a_seat_lives_like_any_booking_and_stays_taken_once_its_customer_came(world, planned):
    session = await planned(
        service=world.salon.service(*world.staff, terms={"automatic_confirmation": False})
    )
    came, missed = await world.join(session), await world.join(session)
    world.clock.set(world.salon.at(16, 10, 5))
    for method in ("ConfirmBooking", "CheckInBooking", "CompleteBooking"):
        after = await world.act(method, came)
    assert (after.state, after.revision) == (State.COMPLETED, 4)
    await world.act("ConfirmBooking", missed)
    assert (await world.act("MarkNoShow", missed)).state == State.NO_SHOW
    assert await seats_left(world, session) == 8
    assert [kind for kind, _ in await world.events()][2:] == [
        *("confirmed", "checked_in", "completed"),
        *("confirmed", "no_show"),
    ]


@pytest.mark.covers("B11")
async def test_a_cancelled_seat_is_free_again_once(world, planned):
    session = await planned()
    booking = await world.join(session, world.customer(), seats=4)
    for _ in range(2):
        after = await world.act("CancelBooking", booking, metadata=world.customer())
    assert after.state == State.CANCELLED
    assert await seats_left(world, session) == 10
    assert await world.rows("SELECT active FROM customer_counters") == [(0,)]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_seat_can_neither_be_moved_nor_changed(world, planned, refusal, dry_run):
    session = await planned()
    booking = await world.join(session, world.customer())
    start = world.request(world.salon.at(16, 14)).start_time
    moved = world.act("RescheduleBooking", booking, start_time=start, dry_run=dry_run)
    assert (await refusal(moved)).reason == "SEAT_CANNOT_MOVE"
    items = [booking_pb.WantedItem(service_id=str(world.service_id))]
    changed = world.act("ChangeServices", booking, items=items, dry_run=dry_run)
    assert (await refusal(changed)).reason == "SEAT_CANNOT_MOVE"


@pytest.mark.covers("B11")
async def test_seats_are_held_while_the_customer_pays_and_free_again_when_nobody_does(world, planned, till):
    session = await planned(service=world.prepaid_service())
    paid, unpaid = await world.join(session, seats=2), await world.join(session, seats=3)
    assert (paid.state, paid.prepayment.amount_minor) == (State.HELD, 20_000)
    assert await seats_left(world, session) == 5
    await till.tell(till.captured(paid, minor=20_000))
    world.clock.advance(timedelta(minutes=11))
    await world.have.expire_hold(UUID(unpaid.id))
    assert (await world.get(paid, metadata=world.member())).state == State.CONFIRMED
    assert (await world.get(unpaid, metadata=world.member())).state == State.EXPIRED
    assert await seats_left(world, session) == 8


@pytest.mark.covers("B11")
async def test_a_hold_that_is_over_does_not_keep_a_seat_from_anybody(world, planned):
    session = await planned(capacity=2, service=world.prepaid_service())
    await world.join(session, seats=2)
    world.clock.advance(timedelta(minutes=11))
    assert (await world.join(session, seats=2)).state == State.HELD


@pytest.mark.covers("B11")
async def test_a_late_payment_takes_its_seats_again_while_there_are_some(world, planned, till):
    session = await planned(capacity=4, service=world.prepaid_service())
    booking = await world.join(session, seats=2)
    world.clock.advance(timedelta(minutes=11))
    await world.have.expire_hold(UUID(booking.id))
    step = till.captured(booking, minor=20_000)
    await till.tell(step, step)
    assert (await world.get(booking, metadata=world.member())).state == State.CONFIRMED
    assert await seats_left(world, session) == 2


@pytest.mark.covers("B11")
@pytest.mark.parametrize("gone", ["taken", "called off"])
async def test_a_late_payment_for_seats_that_are_gone_goes_back(world, planned, till, gone):
    session = await planned(capacity=2, service=world.prepaid_service())
    booking = await world.join(session, seats=2)
    world.clock.advance(timedelta(minutes=11))
    await world.have.expire_hold(UUID(booking.id))
    await {"taken": world.join, "called off": lambda one: call_off(world, one)}[gone](session)
    await till.tell(till.captured(booking, minor=20_000))
    after = await world.get(booking, metadata=world.member())
    assert (after.state, after.payment_state) == (State.EXPIRED, Booking.REFUND_DUE)
    assert await till.told_refunds(booking) == 20_000
