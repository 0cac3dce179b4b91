"""The events that the producers' tests pin are understood here, and each is told to whom it should be."""

from pathlib import Path

import pytest
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi_chassis.ids import new_id
from kursi_messaging.consumers import decoding
from messaging_events import IN_THREE_DAYS, NOW, booking, payment

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events"
CUSTOMER_AND_STAFF = {"customer", "staff_member"}
TOLD = {
    "CREATED": ("booking_created", CUSTOMER_AND_STAFF),
    "CONFIRMED": ("booking_confirmed", CUSTOMER_AND_STAFF),
    "RESCHEDULED": ("booking_rescheduled", CUSTOMER_AND_STAFF),
    "CANCELLED": ("booking_cancelled", CUSTOMER_AND_STAFF),
    "CHECKED_IN": None,
    "COMPLETED": None,
    "NO_SHOW": None,
    "EXPIRED": None,
    "REFUND_DUE": None,
    "UPDATED": None,
}


def files(domain: str) -> list[Path]:
    return sorted((GOLDEN / domain).glob("*.binpb"))


@pytest.mark.covers("T3")
@pytest.mark.parametrize("what", TOLD)
async def test_each_change_of_a_booking_is_told_to_whom_the_table_says(messaging, what):
    await messaging.hear(booking(what, 1, booking_id=new_id()))
    rows = await messaging.rows("event <> 'reminder'")
    told = {(row["event"], row["audience"]) for row in rows}
    event, audiences = TOLD[what] or ("", set())
    assert told == {(event, audience) for audience in audiences}


@pytest.mark.covers("T3")
@pytest.mark.parametrize(
    ("what", "event"), [("CAPTURED", "payment_captured"), ("FAILED", "payment_failed"), ("REFUNDED", None)]
)
async def test_each_change_of_a_payment_is_told_to_its_payer_or_to_nobody(messaging, what, event):
    await messaging.hear(payment(what, booking_id=new_id(), payment_id=new_id()))
    told = {(row["event"], row["audience"]) for row in await messaging.rows()}
    assert told == ({(event, "customer")} if event else set())


@pytest.mark.parametrize(
    "file",
    files("booking"),
    ids=lambda file: file.stem,
)
def test_a_pinned_event_of_booking_is_understood(file):
    change = decoding.booking_change(file.read_bytes())
    assert change is not None
    assert change.change.upper() == BookingEvent.Type.Name(BookingEvent.FromString(file.read_bytes()).type)
    assert change.revision >= 1
    assert change.booking.facts["salon_names"]


@pytest.mark.parametrize("file", files("payment"), ids=lambda file: file.stem)
def test_a_pinned_event_of_payment_is_understood(file):
    change = decoding.payment_change(file.read_bytes())
    assert (change is not None) is file.stem.endswith(("captured", "failed"))
    assert change is None or change.facts["keeps_booking"]  # each is about a deposit


@pytest.mark.parametrize(
    "file", [file for file in files("identity") if ".user." in file.name], ids=lambda file: file.stem
)
def test_a_pinned_event_of_identity_is_understood(file):
    assert decoding.person(file.read_bytes()).revision >= 1


def test_a_field_that_a_later_release_adds_is_passed_over():
    message = booking("CONFIRMED", 1, booking_id=new_id())
    later = message.SerializeToString() + b"\xf2\x07\x03new"  # field 126
    assert decoding.booking_change(later) == decoding.booking_change(message.SerializeToString())
    assert message.start_time.ToDatetime(NOW.tzinfo) == IN_THREE_DAYS
