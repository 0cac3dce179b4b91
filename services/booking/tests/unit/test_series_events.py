"""The bytes of the events of series: written here, read by the tests of whoever consumes them."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi_booking.adapters.booking_events import describe_event, describe_event_in_series
from kursi_booking.adapters.series_events import describe_series
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Assistant, Item, SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.series import accepted_together, called_off, in_series, made
from kursi_booking.domain.state import State
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.money import Money

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "series"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
START = datetime(2026, 3, 16, 7, tzinfo=UTC)
WEEK = timedelta(weeks=1)
SERIES = UUID("01890000-0000-7000-8000-0000000000d1")
CUSTOMER = Act("user:01890000-0000-7000-8000-000000000003", Party.CUSTOMER, NOON)
TERMS = PolicySnapshot(
    cancellation_window=timedelta(days=8),
    reschedule_window=timedelta(hours=12),
    hold=timedelta(minutes=10),
    auto_confirm=True,
    late_cancellation_basis_points=5_000,
)


def visit(number):
    start = START + number * WEEK
    item = Item(
        item_id=UUID(f"01890000-0000-7000-8000-00000000004{number}"),
        service_id=UUID("01890000-0000-7000-8000-000000000051"),
        staff_id=UUID("01890000-0000-7000-8000-000000000021"),
        during=TimeRange(start, start + timedelta(minutes=45)),
        price=Money("SAR", 12_000),
        service_names={"en": "Hair cut", "ar": "قص شعر"},
        staff_names={"en": "Sara", "ar": "سارة"},
        staff_user_id=UUID("01890000-0000-7000-8000-000000000031"),
        assistants=(
            Assistant(
                UUID("01890000-0000-7000-8000-000000000022"),
                {"en": "Noura", "ar": "نورة"},
                UUID("01890000-0000-7000-8000-000000000032"),
            ),
        ),
    )
    return in_series(
        verbs.create(
            CUSTOMER,
            booking_id=UUID(f"01890000-0000-7000-8000-00000000000{number + 1}"),
            salon_id=UUID("01890000-0000-7000-8000-000000000002"),
            salon=SalonFacts({"en": "Rose", "ar": "روز"}, "Asia/Riyadh", "SA"),
            customer_id=UUID("01890000-0000-7000-8000-000000000003"),
            items=(item,),
            policy=TERMS,
            note="Window seat, please",
        ),
        SERIES,
    )


MADE = [visit(number) for number in range(3)]
VISITS = [one.booking for one in MADE]
PAID = [replace(one, paid=Money("SAR", 12_000)) for one in VISITS]
LATER = replace(CUSTOMER, at=NOON + timedelta(days=1), reason="We move away")
LAST_TWO = [verbs.cancel(one, LATER).booking for one in PAID[1:]]
PENDING = [replace(one, state=State.PENDING) for one in VISITS]
SALON = replace(CUSTOMER, actor="user:01890000-0000-7000-8000-000000000031", party=Party.SALON)
CONFIRMED = [verbs.confirm(one, SALON).booking for one in PENDING[1:]]
NEWS = {
    "series_created": made(SERIES, VISITS[::-1], CUSTOMER),
    "series_cancelled": called_off(SERIES, PAID, LAST_TWO[::-1], LATER),
    "series_confirmed": accepted_together(SERIES, PENDING, CONFIRMED[::-1], SALON),
}


def message_of(what):
    return SeriesEvent.FromString(describe_series(NEWS[what]).payload)


@pytest.mark.parametrize("what", NEWS)
def test_events_keep_their_bytes(what):
    event = describe_series(NEWS[what])
    golden = GOLDEN / f"{event.type}.binpb"
    if os.environ.get("KURSI_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(event.payload)
    assert event.type == f"kursi.booking.v1.{what}"
    assert event.subject == f"kursi.booking.v1.{VISITS[0].salon_id}.{SERIES}.{what}"
    assert event.payload == golden.read_bytes()
    assert b"Window seat" not in event.payload


@pytest.mark.parametrize("what", NEWS)
def test_a_reader_of_bookings_takes_them_for_something_that_it_does_not_know(what):
    read = BookingEvent.FromString(describe_series(NEWS[what]).payload)
    assert (read.type, read.state) == (BookingEvent.TYPE_UNSPECIFIED, BookingEvent.STATE_UNSPECIFIED)
    assert read.series_id == str(SERIES)


def test_the_visits_stand_in_the_order_of_their_times_as_the_change_left_them():
    told = message_of("series_created")
    assert [one.booking_id for one in told.visits] == [str(one.booking_id) for one in VISITS]
    assert {one.state for one in told.visits} == {BookingEvent.STATE_CONFIRMED}
    assert told.start_time.ToDatetime(UTC) == START
    assert told.end_time.ToDatetime(UTC) == VISITS[-1].during.end
    assert [one.staff_user_id for one in told.visits[0].items[0].assistants] == [
        "01890000-0000-7000-8000-000000000032"
    ]


def test_a_cancellation_tells_what_all_of_it_costs_and_why():
    told = message_of("series_cancelled")
    # Both are ten days ahead or more, and free of charge until eight days before.
    assert [one.state for one in told.visits] == [BookingEvent.STATE_CANCELLED] * 2
    assert (told.fee.amount_minor, told.refund.amount_minor) == (0, 24_000)
    assert told.reason == "We move away"


def test_a_confirmation_tells_of_the_visits_that_were_confirmed_and_by_whom():
    told = message_of("series_confirmed")
    assert [one.booking_id for one in told.visits] == [str(one.booking_id) for one in CONFIRMED]
    assert {one.state for one in told.visits} == {BookingEvent.STATE_CONFIRMED}
    assert (told.actor, told.HasField("fee")) == (SALON.actor, False)


def test_its_revision_grows_with_each_change_of_a_visit():
    assert message_of("series_created").revision == 3
    assert message_of("series_cancelled").revision == message_of("series_confirmed").revision == 5


def test_a_visit_says_whether_its_series_tells_the_change():
    together = BookingEvent.FromString(describe_event_in_series(None, MADE[0]).payload)
    alone = BookingEvent.FromString(describe_event(VISITS[0], verbs.cancel(VISITS[0], LATER)).payload)
    assert (together.series_id, together.told_by_series) == (str(SERIES), True)
    assert (alone.series_id, alone.told_by_series) == (str(SERIES), False)
