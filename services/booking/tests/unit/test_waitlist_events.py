"""The bytes of the waiting list's events: written here, read by the tests of whoever consumes them."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.waitlist_events_pb2 import WaitlistEvent
from kursi_booking.adapters.waitlist_events import describe_entry_event
from kursi_booking.consumers.freed_times import decode
from kursi_booking.domain import waitlist as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.errors import EntryIsClosed, OfferGone
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import Entry, EntryState, HeldTime, Wish
from kursi_chassis.events.envelope import Poison, ReceivedEvent
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "waitlist"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
START = datetime(2026, 3, 16, 7, tzinfo=UTC)
OFFER = UUID("01890000-0000-7000-8000-000000000091")
BOOKING = UUID("01890000-0000-7000-8000-000000000001")
SERVICE, STAFF = UUID("01890000-0000-7000-8000-000000000051"), UUID("01890000-0000-7000-8000-000000000021")
CUSTOMER = Act("user:01890000-0000-7000-8000-000000000003", Party.CUSTOMER, NOON)
SYSTEM = Act("system", Party.SYSTEM, NOON)
LATER = Act("system", Party.SYSTEM, NOON + timedelta(minutes=10))
MUCH_LATER = Act("system", Party.SYSTEM, START + timedelta(hours=8))
ENTRY = Entry(
    entry_id=UUID("01890000-0000-7000-8000-000000000081"),
    salon_id=UUID("01890000-0000-7000-8000-000000000002"),
    salon=SalonFacts({"en": "Rose", "ar": "روز"}, "Asia/Riyadh", "SA"),
    customer_id=UUID("01890000-0000-7000-8000-000000000003"),
    channel=Channel.CUSTOMER,
    wishes=(Wish(SERVICE),),
    ranges=(TimeRange(START - timedelta(hours=1), START + timedelta(hours=8)),),
    note="Call my brother",
    priority=0,
    state=EntryState.WAITING,
    offer=None,
    passed=(),
    unanswered=0,
    booking_id=None,
    revision=0,
    created_at=NOON,
    updated_at=NOON,
)
HELD = HeldTime(
    offer_id=OFFER,
    items=(
        Item(
            item_id=UUID("01890000-0000-7000-8000-000000000041"),
            service_id=SERVICE,
            staff_id=STAFF,
            during=TimeRange(START, START + timedelta(minutes=45)),
            price=Money("SAR", 12_000),
            service_names={"en": "Hair cut", "ar": "قص شعر"},
            staff_names={"en": "Sara", "ar": "سارة"},
            staff_user_id=UUID("01890000-0000-7000-8000-000000000031"),
        ),
    ),
    policy=PolicySnapshot(timedelta(hours=24), timedelta(hours=12), timedelta(minutes=10), auto_confirm=True),
    active_limit=5,
    offered_at=NOON,
    expires_at=NOON + timedelta(minutes=10),
)
WAITING = verbs.join(ENTRY, CUSTOMER).entry
OFFERED = verbs.offer(WAITING, SYSTEM, HELD).entry
CHANGES = {
    "waitlist_created": verbs.join(ENTRY, CUSTOMER),
    "waitlist_offered": verbs.offer(WAITING, SYSTEM, HELD),
    "waitlist_offer_declined": verbs.decline(OFFERED, CUSTOMER, OFFER),
    "waitlist_offer_expired": verbs.run_out(OFFERED, LATER),
    "waitlist_booked": verbs.accept(OFFERED, CUSTOMER, OFFER, BOOKING)[0],
    "waitlist_cancelled": verbs.cancel(OFFERED, CUSTOMER),
    "waitlist_expired": verbs.give_up(WAITING, MUCH_LATER),
    "waitlist_updated": verbs.join_guest(OFFERED, SYSTEM, UUID("01890000-0000-7000-8000-000000000004")),
}
VISIT = HELD.during
WISHED = ENTRY.wished


def heard(what, payload):
    return ReceivedEvent(
        event_id=new_id(),
        type=f"kursi.booking.v1.{what}",
        subject=f"kursi.booking.v1.a.b.{what}",
        aggregate_id=new_id(),
        revision=1,
        payload=payload,
        occurred_at=NOON,
        headers={},
        stream_seq=1,
        deliveries=1,
    )


@pytest.mark.parametrize("what", CHANGES)
def test_events_keep_their_bytes(what):
    event = describe_entry_event(CHANGES[what])
    golden = GOLDEN / f"kursi.booking.v1.{what}.binpb"
    if os.environ.get("KURSI_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(event.payload)
    assert event.payload == golden.read_bytes()
    assert event.subject == f"kursi.booking.v1.{ENTRY.salon_id}.{ENTRY.entry_id}.{what}"
    assert WaitlistEvent.FromString(event.payload).revision == event.revision


@pytest.mark.parametrize("what", CHANGES)
def test_a_reader_of_bookings_takes_them_for_something_that_it_does_not_know(what):
    read = BookingEvent.FromString(describe_entry_event(CHANGES[what]).payload)
    assert (read.type, read.state) == (BookingEvent.TYPE_UNSPECIFIED, BookingEvent.STATE_UNSPECIFIED)
    assert read.salon_id == str(ENTRY.salon_id)


@pytest.mark.parametrize("what", CHANGES)
def test_what_somebody_wrote_is_never_told(what):
    assert b"brother" not in describe_entry_event(CHANGES[what]).payload


@pytest.mark.parametrize(
    ("what", "during"),
    [
        ("waitlist_created", WISHED),
        ("waitlist_offer_declined", VISIT),
        ("waitlist_offer_expired", VISIT),
        ("waitlist_cancelled", VISIT),
        ("waitlist_booked", None),
        ("waitlist_offered", None),
        ("waitlist_expired", None),
        ("waitlist_updated", None),
    ],
)
def test_what_frees_time_is_heard_with_the_time_that_it_frees(what, during):
    found = decode(heard(what, describe_entry_event(CHANGES[what]).payload))
    assert found == (None if during is None else (ENTRY.salon_id, during))


@pytest.mark.parametrize("what", ["cancelled", "expired", "rescheduled"])
def test_freed_time_of_bookings_is_heard(what):
    golden = GOLDEN.parent / "booking" / f"kursi.booking.v1.{what}.binpb"
    booking = BookingEvent.FromString(golden.read_bytes())
    salon_id, during = decode(heard(what, golden.read_bytes()))
    assert str(salon_id) == booking.salon_id
    before = booking.previous_start_time if what == "rescheduled" else booking.start_time
    assert during.contains(before.ToDatetime(UTC))


def test_bytes_that_are_no_event_are_poison():
    with pytest.raises(Poison):
        decode(heard("cancelled", b"\xff"))


def test_an_offer_is_answered_once():
    for answered in (
        verbs.accept(OFFERED, CUSTOMER, OFFER, BOOKING)[0].entry,
        verbs.decline(OFFERED, CUSTOMER, OFFER).entry,
        verbs.cancel(OFFERED, CUSTOMER).entry,
        verbs.run_out(OFFERED, LATER).entry,
    ):
        with pytest.raises(OfferGone):
            verbs.accept(answered, CUSTOMER, OFFER, BOOKING)
        with pytest.raises(OfferGone):
            verbs.decline(answered, CUSTOMER, OFFER)


def test_an_offer_is_gone_at_the_very_instant_of_its_end():
    last = replace(CUSTOMER, at=HELD.expires_at - timedelta(microseconds=1))
    assert verbs.accept(OFFERED, last, OFFER, BOOKING)[0].entry.state is EntryState.BOOKED
    assert verbs.run_out(OFFERED, last).event is None
    with pytest.raises(OfferGone):
        verbs.accept(OFFERED, replace(CUSTOMER, at=HELD.expires_at), OFFER, BOOKING)
    assert verbs.run_out(OFFERED, replace(SYSTEM, at=HELD.expires_at)).event is not None


def test_nothing_is_offered_to_who_does_not_wait():
    for entry in (OFFERED, verbs.cancel(WAITING, CUSTOMER).entry, verbs.give_up(WAITING, MUCH_LATER).entry):
        with pytest.raises(EntryIsClosed):
            verbs.offer(entry, SYSTEM, HELD)


def test_a_decline_forgives_what_was_left_unanswered():
    once = verbs.run_out(OFFERED, LATER).entry
    again = verbs.offer(once, SYSTEM, HELD).entry
    assert (once.unanswered, verbs.decline(again, CUSTOMER, OFFER).entry.unanswered) == (1, 0)


def test_nobody_gives_up_while_a_start_may_still_come():
    last_moment = replace(SYSTEM, at=WISHED.end - timedelta(microseconds=1))
    assert verbs.give_up(WAITING, last_moment).event is None
    assert verbs.give_up(OFFERED, MUCH_LATER).event is None
    assert verbs.give_up(WAITING, replace(SYSTEM, at=WISHED.end)).entry.state is EntryState.EXPIRED
