"""The bytes of booking's events: written here, read by the tests of whoever consumes them."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain import payment
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot, Prepayment
from kursi_booking.domain.state import EventType
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.money import Money

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "booking"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
START = datetime(2026, 3, 16, 7, tzinfo=UTC)
PAYMENT_ID, REFUND_ID = (
    UUID("01890000-0000-7000-8000-000000000071"),
    UUID("01890000-0000-7000-8000-000000000072"),
)
SARA, NOURA = (
    (
        UUID("01890000-0000-7000-8000-000000000021"),
        UUID("01890000-0000-7000-8000-000000000031"),
        "Sara",
        "سارة",
    ),
    (
        UUID("01890000-0000-7000-8000-000000000022"),
        UUID("01890000-0000-7000-8000-000000000032"),
        "Noura",
        "نورة",
    ),
)
CUSTOMER = Act("user:01890000-0000-7000-8000-000000000003", Party.CUSTOMER, NOON)
SALON = Act("user:01890000-0000-7000-8000-000000000031", Party.SALON, NOON)
SYSTEM = Act("system", Party.SYSTEM, NOON)
TERMS = PolicySnapshot(
    cancellation_window=timedelta(hours=24),
    reschedule_window=timedelta(hours=12),
    hold=timedelta(minutes=10),
    auto_confirm=False,
    late_cancellation_basis_points=5_000,
    no_show_basis_points=10_000,
    text={"en": "Be on time.", "ar": "احضر في الموعد."},
)
PREPAID = replace(TERMS, prepayment=Prepayment.FULL, auto_confirm=True)


def item(start=START, who=SARA):
    staff_id, user_id, english, arabic = who
    return Item(
        item_id=UUID("01890000-0000-7000-8000-000000000041"),
        service_id=UUID("01890000-0000-7000-8000-000000000051"),
        staff_id=staff_id,
        during=TimeRange(start, start + timedelta(minutes=45)),
        price=Money("SAR", 12_000),
        service_names={"en": "Hair cut", "ar": "قص شعر"},
        staff_names={"en": english, "ar": arabic},
        staff_user_id=user_id,
    )


def made(terms=TERMS):
    return verbs.create(
        CUSTOMER,
        booking_id=UUID("01890000-0000-7000-8000-000000000001"),
        salon_id=UUID("01890000-0000-7000-8000-000000000002"),
        salon=SalonFacts({"en": "Rose", "ar": "روز"}, "Asia/Riyadh", "SA"),
        customer_id=UUID("01890000-0000-7000-8000-000000000003"),
        items=(item(),),
        policy=terms,
        note="Window seat, please",
    )


def at(act, instant, reason=""):
    return replace(act, at=instant, reason=reason)


PENDING = made().booking
HELD = made(PREPAID).booking
CONFIRMED = verbs.confirm(PENDING, SALON).booking
PAID = payment.payment_captured(HELD, SYSTEM, PAYMENT_ID, Money("SAR", 12_000)).booking
CHECKED_IN = verbs.check_in(CONFIRMED, at(SALON, START)).booking
EXPIRED = verbs.expire(HELD, at(SYSTEM, NOON + timedelta(minutes=10))).booking
CANCELLED = verbs.cancel(PAID, CUSTOMER).booking
LATE = at(CUSTOMER, START - timedelta(hours=2), "ill")
CHANGES = {
    "created": (None, made(PREPAID)),
    "confirmed": (PENDING, verbs.confirm(PENDING, SALON)),
    "rescheduled": (
        CONFIRMED,
        verbs.reschedule(CONFIRMED, at(CUSTOMER, NOON, "train"), (item(START + timedelta(days=1), NOURA),)),
    ),
    "cancelled": (PAID, verbs.cancel(PAID, LATE)),
    "checked_in": (CONFIRMED, verbs.check_in(CONFIRMED, at(SALON, START))),
    "completed": (CHECKED_IN, verbs.complete(CHECKED_IN, at(SALON, START + timedelta(hours=1)))),
    "no_show": (PAID, verbs.mark_no_show(PAID, at(SALON, START + timedelta(minutes=20)))),
    "expired": (HELD, verbs.expire(HELD, at(SYSTEM, NOON + timedelta(minutes=10)))),
    "refund_due": (
        EXPIRED,
        payment.refund_late_payment(EXPIRED, at(SYSTEM, START), PAYMENT_ID, Money("SAR", 12_000)),
    ),
    "updated": (
        CANCELLED,
        payment.refund_recorded(CANCELLED, at(SYSTEM, START), REFUND_ID, Money("SAR", 12_000)),
    ),
}


def message_of(what):
    return BookingEvent.FromString(describe_event(*CHANGES[what]).payload)


def test_every_type_has_its_bytes():
    assert set(CHANGES) == {kind.value for kind in EventType}


@pytest.mark.parametrize("what", CHANGES)
def test_events_keep_their_bytes(what):
    event = describe_event(*CHANGES[what])
    golden = GOLDEN / f"{event.type}.binpb"
    if os.environ.get("KURSI_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(event.payload)
    assert event.type == f"kursi.booking.v1.{what}"
    assert event.subject == (
        f"kursi.booking.v1.{PENDING.salon_id}.01890000-0000-7000-8000-000000000001.{what}"
    )
    assert event.payload == golden.read_bytes()


@pytest.mark.parametrize("what", CHANGES)
def test_an_event_never_tells_what_the_customer_wrote_to_the_salon(what):
    assert b"Window seat" not in describe_event(*CHANGES[what]).payload


def test_a_move_tells_where_the_visit_was_and_who_is_free_again():
    moved = message_of("rescheduled")
    assert moved.previous_start_time.ToDatetime(UTC) == START
    assert list(moved.previous_staff_user_ids) == [str(SARA[1])]
    assert set(moved.changed_fields) == {"items", "start_time", "end_time"}


def test_a_cancellation_tells_what_is_kept_and_what_goes_back():
    cancelled = message_of("cancelled")
    assert (cancelled.fee.amount_minor, cancelled.refund.amount_minor) == (6_000, 6_000)
    assert (cancelled.reason, cancelled.state) == ("ill", BookingEvent.STATE_CANCELLED)
    assert set(cancelled.changed_fields) == {"state", "payment_state", "cancellation_reason", "settlement"}


def test_a_late_payment_tells_that_all_of_it_goes_back():
    late = message_of("refund_due")
    assert (late.paid.amount_minor, late.refund.amount_minor) == (12_000, 12_000)
