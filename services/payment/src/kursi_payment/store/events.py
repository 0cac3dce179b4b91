"""What payment tells the others."""

from kursi.payment.events.v1 import payment_events_pb2 as events_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import timestamp

from kursi_payment.domain.payment import Payment, Purpose, State

_Type = events_pb2.PaymentEvent.Type
_TYPES = {
    State.PENDING_ACTION: _Type.PENDING,
    State.AUTHORIZED: _Type.AUTHORIZED,
    State.CAPTURED: _Type.CAPTURED,
    State.PARTIALLY_REFUNDED: _Type.REFUNDED,
    State.REFUNDED: _Type.REFUNDED,
    State.FAILED: _Type.FAILED,
    State.EXPIRED: _Type.FAILED,
    State.VOIDED: _Type.VOIDED,
}
_PURPOSES = {
    Purpose.DEPOSIT: events_pb2.PaymentEvent.DEPOSIT,
    Purpose.FULL: events_pb2.PaymentEvent.FULL,
    Purpose.BALANCE: events_pb2.PaymentEvent.BALANCE,
    Purpose.NO_SHOW_FEE: events_pb2.PaymentEvent.NO_SHOW_FEE,
    Purpose.TIP: events_pb2.PaymentEvent.TIP,
}


def event_of(payment: Payment) -> Event:
    """The event that the payment's present state is worth; a payment that was only made is none yet."""
    kind = _TYPES[payment.state]
    subject = f"kursi.payment.v1.payment.{_Type.Name(kind).lower()}"
    return Event(
        type=subject,
        subject=subject,
        aggregate_id=payment.id,
        revision=payment.revision,
        payload=message_of(payment, kind).SerializeToString(deterministic=True),
        occurred_at=payment.updated_at,
        schema=events_pb2.PaymentEvent.DESCRIPTOR.full_name,
    )


def message_of(payment: Payment, kind: events_pb2.PaymentEvent.Type.ValueType) -> events_pb2.PaymentEvent:
    return events_pb2.PaymentEvent(
        type=kind,
        payment_id=str(payment.id),
        booking_id=str(payment.booking_id),
        salon_id=str(payment.salon_id),
        customer_id=str(payment.customer_id),
        purpose=_PURPOSES[payment.purpose],
        amount=to_proto(payment.amount, money_pb2.Money),
        captured=to_proto(payment.captured, money_pb2.Money),
        refunded=to_proto(payment.refunded, money_pb2.Money),
        revision=payment.revision,
        failure_reason=payment.failure_reason,
        occur_time=timestamp(payment.updated_at),
    )
