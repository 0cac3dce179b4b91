"""From the bytes of events to what planning understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from google.protobuf.message import Message
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.waitlist_events_pb2 import WaitlistEvent
from kursi.identity.events.v1.identity_events_pb2 import UserEvent
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi.type.v1.money_pb2 import Money
from kursi_chassis.events.envelope import unreadable_is_poison
from kursi_chassis.grpc.times import instant
from kursi_chassis.validation import Violations

from kursi_messaging.domain.booking import BookingChange, BookingSnapshot, Change, Facts
from kursi_messaging.domain.payment import PaymentChange
from kursi_messaging.domain.waitlist import OpenOffer, WaitlistChange
from kursi_messaging.domain.words import BookingState, Event
from kursi_messaging.store.people import Person

_CHANGES: Final[Mapping[int, Change]] = {
    BookingEvent.CREATED: Change.CREATED,
    BookingEvent.CONFIRMED: Change.CONFIRMED,
    BookingEvent.RESCHEDULED: Change.RESCHEDULED,
    BookingEvent.CANCELLED: Change.CANCELLED,
    BookingEvent.CHECKED_IN: Change.CHECKED_IN,
    BookingEvent.COMPLETED: Change.COMPLETED,
    BookingEvent.NO_SHOW: Change.NO_SHOW,
    BookingEvent.EXPIRED: Change.EXPIRED,
    BookingEvent.REFUND_DUE: Change.REFUND_DUE,
    BookingEvent.UPDATED: Change.UPDATED,
}
_STATES: Final[Mapping[int, BookingState]] = {
    BookingEvent.STATE_HELD: BookingState.HELD,
    BookingEvent.STATE_PENDING: BookingState.PENDING,
    BookingEvent.STATE_CONFIRMED: BookingState.CONFIRMED,
    BookingEvent.STATE_CHECKED_IN: BookingState.CHECKED_IN,
    BookingEvent.STATE_COMPLETED: BookingState.COMPLETED,
    BookingEvent.STATE_NO_SHOW: BookingState.NO_SHOW,
    BookingEvent.STATE_CANCELLED: BookingState.CANCELLED,
    BookingEvent.STATE_EXPIRED: BookingState.EXPIRED,
}
_PAYMENT_NEWS: Final[Mapping[int, Event]] = {
    PaymentEvent.CAPTURED: Event.PAYMENT_CAPTURED,
    PaymentEvent.FAILED: Event.PAYMENT_FAILED,
}
_KEEPS_BOOKING: Final = frozenset({PaymentEvent.DEPOSIT, PaymentEvent.FULL})
"""What is paid so that a booking counts; a visit that is agreed on does not end for want of a tip."""


@unreadable_is_poison
def booking_change(payload: bytes, traceparent: str = "") -> BookingChange | None:
    """Read an event of booking; None for a change or a state that this version does not know.

    Raises:
        Poison: the bytes are no such event, or lack what every one of them has.
    """
    event = BookingEvent.FromString(payload)
    change, state = _CHANGES.get(event.type), _STATES.get(event.state)
    if change is None or state is None:
        return None
    return BookingChange(
        change=change,
        booking=_snapshot(event, state),
        own_facts=_facts_of_change(event),
        former_staff_user_ids=tuple(UUID(user_id) for user_id in event.previous_staff_user_ids),
        told_by_series=event.told_by_series,
        occurred_at=moment(event, "occur_time"),
        traceparent=traceparent,
    )


@unreadable_is_poison
def waitlist_change(payload: bytes, traceparent: str = "") -> WaitlistChange | None:
    """Read an event of a waiting list; None for a change that this version does not know.

    Raises:
        Poison: the bytes are no such event, or lack what every one of them has.
    """
    event = WaitlistEvent.FromString(payload)
    if event.type == WaitlistEvent.TYPE_UNSPECIFIED:
        return None
    return WaitlistChange(
        entry_id=UUID(event.waitlist_entry_id),
        salon_id=UUID(event.salon_id),
        customer_id=UUID(event.customer_id),
        revision=event.revision,
        offer=_open_offer(event) if event.type == WaitlistEvent.WAITLIST_OFFERED else None,
        occurred_at=moment(event, "occur_time"),
        traceparent=traceparent,
    )


@unreadable_is_poison
def payment_change(payload: bytes, traceparent: str = "") -> PaymentChange | None:
    """Read an event of payment; None for one that nobody is told about.

    Raises:
        Poison: the bytes are no such event, or lack what every one of them has.
    """
    event = PaymentEvent.FromString(payload)
    told_as = _PAYMENT_NEWS.get(event.type)
    if told_as is None:
        return None
    taken = event.type == PaymentEvent.CAPTURED and event.HasField("captured")
    return PaymentChange(
        event=told_as,
        payment_id=UUID(event.payment_id),
        booking_id=UUID(event.booking_id),
        salon_id=UUID(event.salon_id),
        customer_id=UUID(event.customer_id),
        occurred_at=moment(event, "occur_time"),
        facts={
            "amount": money(event.captured if taken else event.amount),
            "reference": reference(event.booking_id),
            "keeps_booking": event.purpose in _KEEPS_BOOKING,
        },
        traceparent=traceparent,
    )


@unreadable_is_poison
def person(payload: bytes, traceparent: str = "") -> Person:
    """Read an event about an account.

    Raises:
        Poison: the bytes are no such event.
    """
    event = UserEvent.FromString(payload)
    return Person(UUID(event.user_id), event.language_code, event.time_zone, event.revision, traceparent)


def _snapshot(event: BookingEvent, state: BookingState) -> BookingSnapshot:
    start, end = moment(event, "start_time"), moment(event, "end_time")
    return BookingSnapshot(
        booking_id=UUID(event.booking_id),
        salon_id=UUID(event.salon_id),
        customer_id=UUID(event.customer_id),
        staff_user_ids=accounts_of(event.items),
        state=state,
        revision=event.revision,
        start=start,
        end=end,
        time_zone=event.time_zone,
        facts=_facts_of_booking(event, state, start, end),
    )


def _facts_of_booking(event: BookingEvent, state: BookingState, start: datetime, end: datetime) -> Facts:
    return {
        "reference": reference(event.booking_id),
        "state": state.value,
        "salon_names": dict(event.salon_names),
        "time_zone": event.time_zone,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "items": item_facts(event.items),
        **({"total": money(event.total)} if event.HasField("total") else {}),
        **({"walk_in": True} if event.walk_in else {}),
    }


def item_facts(items: Iterable[BookingEvent.Item]) -> list[Facts]:
    """The services of a visit: what they are called, who works on them, and when."""
    return [
        {
            "service_names": dict(item.service_names),
            "staff_names": dict(item.staff_names),
            "staff_user_ids": [str(account) for account in accounts_of([item])],
            "start": moment(item, "start_time").isoformat(),
            "end": moment(item, "end_time").isoformat(),
        }
        for item in items
    ]


def accounts_of(items: Iterable[BookingEvent.Item]) -> tuple[UUID, ...]:
    """Everybody with an account who works on these services, each once: who performs them, and who helps."""
    accounts = (
        account
        for item in items
        for account in (item.staff_user_id, *(one.staff_user_id for one in item.assistants))
    )
    return tuple(dict.fromkeys(UUID(account) for account in accounts if account))


def _open_offer(event: WaitlistEvent) -> OpenOffer:
    start, until = moment(event, "start_time"), moment(event, "offer_expire_time")
    return OpenOffer(
        offer_id=UUID(event.offer_id),
        until=until,
        facts={
            "waitlist_entry_id": event.waitlist_entry_id,
            "offer_id": event.offer_id,
            "until": until.isoformat(),
            "reference": reference(event.waitlist_entry_id),
            "salon_names": dict(event.salon_names),
            "time_zone": event.time_zone,
            "start": start.isoformat(),
            "end": moment(event, "end_time").isoformat(),
            "items": [
                {"service_names": dict(item.service_names), "staff_names": dict(item.staff_names)}
                for item in event.items
            ],
            "total": money(event.total),
        },
    )


def _facts_of_change(event: BookingEvent) -> Facts:
    facts: dict[str, object] = {}
    if event.HasField("fee"):
        facts["fee"] = money(event.fee)
    if event.HasField("refund"):
        facts["refund"] = money(event.refund)
    if event.HasField("previous_start_time"):
        facts["previous_start"] = moment(event, "previous_start_time").isoformat()
    if event.reason:
        facts["reason"] = event.reason
    return facts


def moment(event: Message, field: str) -> datetime:
    """The instant of a field that every such event has."""
    if not event.HasField(field):
        raise ValueError(f"{field} is missing")
    check = Violations()
    found = instant(check, field, getattr(event, field))
    if check:
        raise ValueError(f"{field} is out of range")
    return found


def money(amount: Money) -> Facts:
    """An amount as facts hold it."""
    return {"currency_code": amount.currency_code, "amount_minor": amount.amount_minor}


def reference(booking_id: str) -> str:
    """What people read out on the phone: the random end of the id."""
    last = UUID(booking_id).hex[-8:].upper()
    return f"{last[:4]}-{last[4:]}"
