"""Builders of the events that messaging consumes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.waitlist_events_pb2 import WaitlistEvent
from kursi.identity.events.v1.identity_events_pb2 import UserEvent
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi.type.v1.money_pb2 import Money
from kursi_chassis.events.envelope import Event, ReceivedEvent, read
from kursi_chassis.ids import new_id

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
        items=[
            BookingEvent.Item(
                service_names={"en": "Haircut", "ar": "قص شعر"},
                staff_user_id=str(person),
                staff_names={"en": "Omar", "ar": "عمر"},
            )
            for person in staff
        ],
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
    message: BookingEvent | WaitlistEvent | PaymentEvent | UserEvent,
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
    elif isinstance(message, PaymentEvent):
        what = PaymentEvent.Type.Name(message.type).lower()
        subject, aggregate = f"kursi.payment.v1.payment.{what}", message.payment_id
    else:
        subject, aggregate = "kursi.identity.v1.user.updated", message.user_id
    return Event(
        type=".".join([*subject.split(".")[:3], subject.rsplit(".", 1)[1]]),
        subject=subject,
        aggregate_id=UUID(aggregate),
        revision=message.revision,
        payload=message.SerializeToString(deterministic=True),
        occurred_at=NOW,
        event_id=event_id or new_id(),
        headers={"traceparent": traceparent} if traceparent else {},
    )


def delivered(
    message: BookingEvent | WaitlistEvent | PaymentEvent | UserEvent,
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
