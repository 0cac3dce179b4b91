"""The bytes of the event of a clash: written here, read by whoever consumes it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.calendar_events_pb2 import CalendarConflictEvent
from kursi_booking.adapters.conflict_events import describe_conflict
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.external_calendar import CalendarConflict
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.money import Money

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "calendar"
START = datetime(2026, 3, 16, 7, tzinfo=UTC)
ITEM = Item(
    item_id=UUID("01890000-0000-7000-8000-000000000041"),
    service_id=UUID("01890000-0000-7000-8000-000000000051"),
    staff_id=UUID("01890000-0000-7000-8000-000000000021"),
    during=TimeRange(START, START + timedelta(minutes=45)),
    price=Money("SAR", 12_000),
    service_names={"en": "Hair cut", "ar": "قص شعر"},
    staff_names={"en": "Sara", "ar": "سارة"},
    staff_user_id=UUID("01890000-0000-7000-8000-000000000031"),
)
BOOKING = verbs.create(
    Act("user:01890000-0000-7000-8000-000000000003", Party.CUSTOMER, START - timedelta(days=4)),
    booking_id=UUID("01890000-0000-7000-8000-000000000001"),
    salon_id=UUID("01890000-0000-7000-8000-000000000002"),
    salon=SalonFacts({"en": "Rose", "ar": "روز"}, "Asia/Riyadh", "SA"),
    customer_id=UUID("01890000-0000-7000-8000-000000000003"),
    items=(ITEM,),
    policy=PolicySnapshot(timedelta(hours=24), timedelta(hours=12), timedelta(minutes=10), auto_confirm=True),
    note="My secret wish",
).booking


def test_a_clash_is_told_by_the_same_bytes():
    conflict = CalendarConflict(
        UUID("01890000-0000-7000-8000-0000000000a1"),
        StaffPlace(BOOKING.salon_id, ITEM.staff_id),
        UUID("01890000-0000-7000-8000-0000000000a2"),
        BOOKING.booking_id,
        START,
        START + timedelta(minutes=30),
        START - timedelta(days=1),
    )
    event = describe_conflict(conflict, BOOKING)
    golden = GOLDEN / f"{event.type}.binpb"
    if os.environ.get("KURSI_WRITE_GOLDEN"):
        golden.write_bytes(event.payload)
    assert event.payload == golden.read_bytes()
    assert event.subject == f"kursi.booking.v1.{BOOKING.salon_id}.{BOOKING.booking_id}.conflict_detected"
    assert b"secret" not in event.payload
    assert str(BOOKING.customer_id).encode() not in event.payload
    message = CalendarConflictEvent.FromString(event.payload)
    assert message.staff_id == str(ITEM.staff_id)
    assert message.staff_user_id == str(ITEM.staff_user_id)


def test_who_reads_events_of_bookings_does_not_take_it_for_one():
    path = GOLDEN / "kursi.booking.v1.conflict_detected.binpb"
    read = BookingEvent.FromString(path.read_bytes())
    assert read.type == BookingEvent.TYPE_UNSPECIFIED
    assert read.booking_id == str(BOOKING.booking_id)
