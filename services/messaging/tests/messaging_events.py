"""Builders of the events that messaging consumes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.calendar_events_pb2 import CalendarConflictEvent
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi.booking.events.v1.waitlist_events_pb2 import WaitlistEvent
from kursi.identity.events.v1.identity_events_pb2 import UserEvent
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi.type.v1.money_pb2 import Money
from kursi_chassis.events.envelope import Event, ReceivedEvent, read
from kursi_chassis.ids import new_id

Message = BookingEvent | WaitlistEvent | SeriesEvent | CalendarConflictEvent | PaymentEvent | UserEvent

SALON = UUID("018f3a5e-0000-7000-8000-0000000000a1")
CUSTOMER = UUID("018f3a5e-0000-7000-8000-0000000000c1")
STAFF = UUID("018f3a5e-0000-7000-8000-0000000000b1")
NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
IN_THREE_DAYS = NOW + timedelta(days=3)

STATE_AFTER = {
    "CREATED": "STATE_PENDING",
    "CONFIRMED": "STATE_CONFIRMED",
    "RESCHEDULED": "STATE_CONFIRMED",
    "CANCELLED": "STATE_CANCELLED",
    "CHECKED_IN": "STATE_CHECKED_IN",
    "COMPLETED": "STATE_COMPLETED",
    "NO_SHOW": "STATE_NO_SHOW",
    "EXPIRED": "STATE_EXPIRED",
    "REFUND_DUE": "STATE_EXPIRED",
    "UPDATED": "STATE_CONFIRMED",
}


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def booking(
    what: str,
    revision: int,
    *,
    booking_id: UUID,
    state: str = "",
    start: datetime = IN_THREE_DAYS,
    customer: UUID = CUSTOMER,
    staff: tuple[UUID, ...] = (STAFF,),
    items: Sequence[BookingEvent.Item] | None = None,
    occurred: datetime = NOW,
    salon: UUID = SALON,
    **extra: object,
) -> BookingEvent:
    return BookingEvent(
        type=BookingEvent.Type.Value(what),
        booking_id=str(booking_id),
        salon_id=str(salon),
        salon_names={"en": "Najd Salon", "ar": "صالون نجد"},
        time_zone="Asia/Riyadh",
        territory_code="SA",
        customer_id=str(customer),
        state=BookingEvent.State.Value(state or STATE_AFTER[what]),
        revision=revision,
        actor=f"user:{customer}",
        occur_time=at(occurred),
        start_time=at(start),
        end_time=at(start + timedelta(minutes=45)),
        items=[item(person, start=start) for person in staff] if items is None else items,
        total=Money(currency_code="SAR", amount_minor=12_050),
        **extra,
    )


def waiting(
    what: str,
    revision: int,
    *,
    entry_id: UUID,
    offer_id: UUID,
    until: datetime = NOW + timedelta(minutes=10),
    occurred: datetime = NOW,
    customer: UUID = CUSTOMER,
) -> WaitlistEvent:
    return WaitlistEvent(
        type=WaitlistEvent.Type.Value(f"WAITLIST_{what}"),
        waitlist_entry_id=str(entry_id),
        salon_id=str(SALON),
        salon_names={"en": "Najd Salon", "ar": "صالون نجد"},
        time_zone="Asia/Riyadh",
        customer_id=str(customer),
        revision=revision,
        actor="system",
        occur_time=at(occurred),
        start_time=at(IN_THREE_DAYS),
        end_time=at(IN_THREE_DAYS + timedelta(minutes=45)),
        items=[
            WaitlistEvent.Item(
                service_names={"en": "Haircut", "ar": "قص شعر"}, staff_names={"en": "Omar", "ar": "عمر"}
            )
        ],
        total=Money(currency_code="SAR", amount_minor=12_050),
        offer_id=str(offer_id),
        offer_expire_time=at(until) if what == "OFFERED" else None,
    )


def item(
    lead: UUID | None = None,
    *,
    start: datetime = IN_THREE_DAYS,
    helpers: Sequence[UUID] = (),
    minutes: int = 45,
) -> BookingEvent.Item:
    """A service; without `lead` by the usual person."""
    return BookingEvent.Item(
        service_names={"en": "Haircut", "ar": "قص شعر"},
        staff_user_id=str(lead or STAFF),
        staff_names={"en": "Omar", "ar": "عمر"},
        start_time=at(start),
        end_time=at(start + timedelta(minutes=minutes)),
        assistants=[BookingEvent.Assistant(staff_user_id=str(one)) for one in helpers],
    )


def series(
    what: str,
    visits: Sequence[BookingEvent],
    *,
    series_id: UUID,
    revision: int = 0,
    occurred: datetime = NOW,
    **extra: object,
) -> SeriesEvent:
    """The event that tells these changes of single visits as a whole."""
    return SeriesEvent(
        type=SeriesEvent.Type.Value(f"SERIES_{what}"),
        series_id=str(series_id),
        salon_id=str(SALON),
        salon_names={"en": "Najd Salon", "ar": "صالون نجد"},
        time_zone="Asia/Riyadh",
        customer_id=str(CUSTOMER),
        revision=revision or len(visits),
        actor=f"user:{CUSTOMER}",
        occur_time=at(occurred),
        start_time=visits[0].start_time,
        end_time=visits[-1].end_time,
        total=Money(currency_code="SAR", amount_minor=12_050 * len(visits)),
        visits=[
            SeriesEvent.Visit(
                booking_id=visit.booking_id,
                revision=visit.revision,
                state=visit.state,
                start_time=visit.start_time,
                end_time=visit.end_time,
                items=visit.items,
            )
            for visit in visits
        ],
        **extra,
    )


def clash(*, booking_id: UUID, conflict_id: UUID, staff: UUID | None = STAFF) -> CalendarConflictEvent:
    return CalendarConflictEvent(
        booking_id=str(booking_id),
        salon_id=str(SALON),
        salon_names={"en": "Najd Salon", "ar": "صالون نجد"},
        time_zone="Asia/Riyadh",
        booking_revision=1,
        occur_time=at(NOW),
        start_time=at(IN_THREE_DAYS),
        end_time=at(IN_THREE_DAYS + timedelta(minutes=45)),
        conflict_id=str(conflict_id),
        staff_user_id=str(staff or ""),
        clash_start_time=at(IN_THREE_DAYS),
        clash_end_time=at(IN_THREE_DAYS + timedelta(minutes=15)),
    )


def payment(what: str, *, booking_id: UUID, payment_id: UUID, occurred: datetime = NOW) -> PaymentEvent:
    return PaymentEvent(
        type=PaymentEvent.Type.Value(what),
        payment_id=str(payment_id),
        booking_id=str(booking_id),
        salon_id=str(SALON),
        customer_id=str(CUSTOMER),
        amount=Money(currency_code="SAR", amount_minor=5_000),
        revision=1,
        occur_time=at(occurred),
    )


def user(user_id: UUID, *, zone: str, revision: int = 1) -> UserEvent:
    return UserEvent(
        user_id=str(user_id), language_code="ar", time_zone=zone, revision=revision, occur_time=at(NOW)
    )


def published(
    message: Message,
    *,
    event_id: UUID | None = None,
    traceparent: str = "",
) -> Event:
    """The event as its producer's outbox would hold it."""
    if isinstance(message, BookingEvent):
        what = BookingEvent.Type.Name(message.type).lower()
        subject = f"kursi.booking.v1.{message.salon_id}.{message.booking_id}.{what}"
        aggregate = message.booking_id
    elif isinstance(message, WaitlistEvent):
        what = WaitlistEvent.Type.Name(message.type).lower()
        subject = f"kursi.booking.v1.{message.salon_id}.{message.waitlist_entry_id}.{what}"
        aggregate = message.waitlist_entry_id
    elif isinstance(message, SeriesEvent):
        what = SeriesEvent.Type.Name(message.type).lower()
        subject, aggregate = (
            f"kursi.booking.v1.{message.salon_id}.{message.series_id}.{what}",
            message.series_id,
        )
    elif isinstance(message, CalendarConflictEvent):
        subject = f"kursi.booking.v1.{message.salon_id}.{message.booking_id}.conflict_detected"
        aggregate = message.booking_id
    elif isinstance(message, PaymentEvent):
        what = PaymentEvent.Type.Name(message.type).lower()
        subject, aggregate = f"kursi.payment.v1.payment.{what}", message.payment_id
    else:
        subject, aggregate = "kursi.identity.v1.user.updated", message.user_id
    return Event(
        type=".".join([*subject.split(".")[:3], subject.rsplit(".", 1)[1]]),
        subject=subject,
        aggregate_id=UUID(aggregate),
        revision=getattr(message, "revision", 1),
        payload=message.SerializeToString(deterministic=True),
        occurred_at=NOW,
        event_id=event_id or new_id(),
        headers={"traceparent": traceparent} if traceparent else {},
    )


def delivered(
    message: Message,
    *,
    event_id: UUID | None = None,
    traceparent: str = "",
) -> ReceivedEvent:
    """The event as the consumer hands it to us."""
    event = published(message, event_id=event_id, traceparent=traceparent)
    return read(
        subject=event.subject,
        headers=event.wire_headers(),
        payload=event.payload,
        stream_seq=1,
        deliveries=1,
    )
