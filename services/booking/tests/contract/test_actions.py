"""Confirm, cancel, check in, complete and no-show as callers see them."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id

Booking = booking_pb2.Booking
STATES = ["HELD", "PENDING", "CONFIRMED", "CHECKED_IN", "COMPLETED", "NO_SHOW", "CANCELLED", "EXPIRED"]
MATRIX = {
    "ConfirmBooking": {"PENDING": "CONFIRMED", "CONFIRMED": "CONFIRMED"},
    "CancelBooking": dict.fromkeys(["HELD", "PENDING", "CONFIRMED", "CANCELLED"], "CANCELLED"),
    "CheckInBooking": dict.fromkeys(["CONFIRMED", "CHECKED_IN"], "CHECKED_IN"),
    "CompleteBooking": dict.fromkeys(["CHECKED_IN", "COMPLETED"], "COMPLETED"),
    "MarkNoShow": dict.fromkeys(["CONFIRMED", "CHECKED_IN", "NO_SHOW"], "NO_SHOW"),
    "RescheduleBooking": {state: state for state in ["HELD", "PENDING", "CONFIRMED"]},
    "ChangeServices": {state: state for state in ["HELD", "PENDING", "CONFIRMED", "CHECKED_IN"]},
}


def details(world, method, day):
    start = Timestamp()
    start.FromDatetime(world.salon.at(day, 10))
    shorter = pb.WantedItem(service_id=str(world.short_service), staff_id=str(world.staff[1]))
    return {"RescheduleBooking": {"start_time": start}, "ChangeServices": {"items": [shorter]}}.get(
        method, {}
    )


async def outcome(call, refusal):
    """The state after the call, or `ILLEGAL <the state that forbids it>`."""
    try:
        return Booking.State.Name((await call).state)
    except grpc.aio.AioRpcError as error:
        return await refusal(_raising(error))


async def _raising(error):
    raise error


async def outcome_of(world, refusal, method, state, booking, day):
    found = await outcome(world.act(method, booking, **details(world, method, day)), refusal)
    return found if isinstance(found, str) else (found.code.name, found.reason, found.metadata["state"])


@pytest.mark.covers("B8")
@pytest.mark.parametrize("method", MATRIX)
async def test_each_action_moves_repeats_or_names_the_state_that_forbids_it(world, refusal, method):
    world.short_service = world.salon.service(*world.staff, duration=30)
    bookings = await world.in_each_state()
    found = {
        state: await outcome_of(world, refusal, method, state, booking, day)
        for day, (state, booking) in enumerate(bookings.items(), start=20)
    }
    assert found == {
        state: MATRIX[method].get(state, ("FAILED_PRECONDITION", "ILLEGAL_TRANSITION", state.lower()))
        for state in STATES
    }


@pytest.mark.covers("B8", "7")
async def test_each_action_leaves_one_line_of_history_one_event_and_the_next_revision(world):
    manual = world.salon.service(*world.staff, terms={"automatic_confirmation": False})
    booked = await world.book(world.salon.at(16, 10), manual)
    await world.act("ConfirmBooking", booked)
    world.clock.set(world.salon.at(16, 10))
    await world.act("CheckInBooking", booked)
    done = await world.act("CompleteBooking", booked)
    request = pb.ListBookingHistoryRequest(booking_id=booked.id)
    history = await world.stub.ListBookingHistory(request, metadata=world.customer())
    assert [(entry.revision, entry.action, entry.actor) for entry in history.entries] == [
        (1, "created", f"user:{world.customer_id}"),
        (2, "confirmed", f"user:{world.member_id}"),
        (3, "checked_in", f"user:{world.member_id}"),
        (4, "completed", f"user:{world.member_id}"),
    ]
    events = await world.events()
    assert [(what, event.revision) for what, event in events] == [
        ("created", 1),
        ("confirmed", 2),
        ("checked_in", 3),
        ("completed", 4),
    ]
    assert done.revision == 4
    assert await world.rows("SELECT DISTINCT state FROM claims") == [("released",)]
    assert await world.rows("SELECT active FROM customer_counters") == [(0,)]


@pytest.mark.covers("B8")
async def test_a_repetition_answers_as_the_first_time_and_leaves_no_trace(world):
    booked = await world.book(world.salon.at(16, 10))
    first = await world.act(
        "CancelBooking", booked, etag=booked.etag, request_id="k", metadata=world.customer()
    )
    by_key = await world.act(
        "CancelBooking", booked, etag=booked.etag, request_id="k", metadata=world.customer()
    )
    by_state = await world.act("CancelBooking", booked, etag=booked.etag, metadata=world.customer())
    assert first == by_key == by_state
    assert [what for what, _ in await world.events()] == ["created", "cancelled"]


@pytest.mark.covers("B8")
async def test_a_key_that_was_used_for_something_else_does_nothing(world, refusal):
    booked, other = await world.book(world.salon.at(16, 10)), await world.book(world.salon.at(16, 12))
    await world.act("CancelBooking", booked, request_id="k", metadata=world.customer())
    for wrong in ({"booking": other}, {"booking": booked, "reason": "ill"}):
        answer = await refusal(world.act("CancelBooking", **wrong, request_id="k", metadata=world.customer()))
        assert (answer.code, answer.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert (await world.get(other)).state == Booking.CONFIRMED
    by_somebody_else = await world.act("CancelBooking", other, request_id="k")
    assert by_somebody_else.state == Booking.CANCELLED


@pytest.mark.covers("B8")
async def test_a_change_of_an_older_revision_is_refused(world, refusal):
    manual = world.salon.service(*world.staff, terms={"automatic_confirmation": False})
    booked = await world.book(world.salon.at(16, 10), manual)
    await world.act("ConfirmBooking", booked)
    for dry_run in (True, False):
        answer = await refusal(world.act("CancelBooking", booked, etag=booked.etag, dry_run=dry_run))
        assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert (await world.get(booked)).state == Booking.CONFIRMED


async def test_twenty_cancellations_at_once_are_one(world):
    booked = await world.book(world.salon.at(16, 10))
    answers = await asyncio.gather(*(world.act("CancelBooking", booked) for _ in range(20)))
    assert {answer.revision for answer in answers} == {2}
    assert await world.rows("SELECT active FROM customer_counters") == [(0,)]
    assert len(await world.events()) == 2


@pytest.mark.covers("7")
@pytest.mark.parametrize("method", ["ConfirmBooking", "CheckInBooking", "CompleteBooking", "MarkNoShow"])
async def test_what_only_the_salon_does_is_denied_to_the_customer_and_hidden_from_strangers(
    world, refusal, method
):
    booked = await world.book(world.salon.at(16, 10))
    elsewhere = world.mint.user(salons={new_id(): Role.OWNER})
    customer = await refusal(world.act(method, booked, metadata=world.customer()))
    stranger = await refusal(world.act(method, booked, metadata=(("authorization", f"Bearer {elsewhere}"),)))
    nothing = await refusal(world.act(method, Booking(id=str(new_id()))))
    assert customer.code is grpc.StatusCode.PERMISSION_DENIED
    assert (stranger.code, stranger.reason) == (grpc.StatusCode.NOT_FOUND, "BOOKING_NOT_FOUND")
    assert (nothing.code, nothing.reason) == (grpc.StatusCode.NOT_FOUND, "BOOKING_NOT_FOUND")


@pytest.mark.covers("7")
async def test_strangers_can_neither_see_nor_touch_a_booking(world, refusal):
    booked, stranger = await world.book(world.salon.at(16, 10)), world.customer(new_id())
    start = Timestamp(seconds=booked.start_time.seconds + 7_200)
    answers = [
        await refusal(world.get(booked, metadata=stranger)),
        await refusal(world.act("CancelBooking", booked, metadata=stranger)),
        await refusal(world.act("CancelBooking", booked, metadata=stranger, dry_run=True)),
        await refusal(world.act("RescheduleBooking", booked, metadata=stranger, start_time=start)),
        await refusal(world.act("ListBookingHistory", booked, metadata=stranger)),
    ]
    assert {(answer.code, answer.reason) for answer in answers} == {
        (grpc.StatusCode.NOT_FOUND, "BOOKING_NOT_FOUND")
    }
    assert (await world.get(booked, metadata=world.admin())).revision == 1


async def paid_booking(world, **terms):
    booked = await world.book(world.salon.at(16, 10), world.prepaid_service(**terms))
    await world.pay(booked)
    return booked


@pytest.mark.covers("B8")
async def test_a_cancellation_in_time_gives_everything_back(world):
    booked = await paid_booking(world)
    cancelled = await world.act("CancelBooking", booked, metadata=world.customer(), reason="ill")
    assert (cancelled.state, cancelled.payment_state) == (Booking.CANCELLED, Booking.REFUND_DUE)
    assert (cancelled.settlement.fee.amount_minor, cancelled.settlement.refund.amount_minor) == (0, 10_000)
    assert cancelled.cancellation_reason == "ill"
    _, event = (await world.events())[-1]
    assert (event.fee.amount_minor, event.refund.amount_minor, event.reason) == (0, 10_000, "ill")


@pytest.mark.covers("B8")
async def test_a_dry_run_says_what_a_late_cancellation_costs_and_changes_nothing(world):
    booked = await paid_booking(world)
    world.clock.set(world.salon.at(16, 8))
    before = await world.get(booked)
    asked = await world.act("CancelBooking", booked, metadata=world.customer(), dry_run=True)
    assert (asked.settlement.fee.amount_minor, asked.settlement.refund.amount_minor) == (5_000, 5_000)
    asked.ClearField("settlement")
    assert asked == before == await world.get(booked)
    cancelled = await world.act("CancelBooking", booked, metadata=world.customer())
    assert cancelled.settlement.fee.amount_minor == 5_000


@pytest.mark.covers("B8")
async def test_only_the_salon_waives_a_fee(world, refusal):
    booked = await paid_booking(world)
    world.clock.set(world.salon.at(16, 8))
    customer = await refusal(world.act("CancelBooking", booked, metadata=world.customer(), waive_fee=True))
    assert customer.code is grpc.StatusCode.PERMISSION_DENIED
    foreseen = await world.act("CancelBooking", booked, waive_fee=True, dry_run=True)
    waived = await world.act("CancelBooking", booked, waive_fee=True)
    assert foreseen.settlement == waived.settlement
    assert (waived.settlement.fee.amount_minor, waived.settlement.refund.amount_minor) == (0, 10_000)


async def test_a_customer_cannot_cancel_a_visit_that_has_begun(world, refusal):
    booked = await world.book(world.salon.at(16, 10))
    world.clock.set(world.salon.at(16, 10))
    answer = await refusal(world.act("CancelBooking", booked, metadata=world.customer()))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_LATE_TO_CANCEL")
    assert answer.metadata["deadline"]


@pytest.mark.covers("B8")
async def test_missing_a_visit_costs_the_fee_once_it_has_begun(world, refusal):
    booked = await paid_booking(world, no_show_fee_basis_points=8_000)
    world.clock.set(world.salon.at(16, 10) - timedelta(seconds=1))
    early = await refusal(world.act("MarkNoShow", booked))
    assert (early.code, early.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_STARTED")
    world.clock.set(world.salon.at(16, 10))
    foreseen = await world.act("MarkNoShow", booked, dry_run=True)
    missed = await world.act("MarkNoShow", booked)
    assert foreseen.state == Booking.CONFIRMED
    assert foreseen.settlement == missed.settlement
    assert (missed.settlement.fee.amount_minor, missed.settlement.refund.amount_minor) == (8_000, 2_000)


async def test_a_reason_of_more_than_500_characters_is_refused(world, refusal):
    booked = await world.book(world.salon.at(16, 10))
    answer = await refusal(world.act("CancelBooking", booked, reason="x" * 501))
    assert answer.violations == {"reason": "TOO_LONG"}
