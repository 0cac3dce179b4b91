"""Payments, written."""

from collections.abc import Sequence

from kursi.payment.v1 import payment_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import timestamp

from kursi_payment.domain.movement import Kind, Movement, Progress
from kursi_payment.domain.payment import Payment, Purpose, State

_STATES = {
    State.CREATED: payment_pb2.Payment.CREATED,
    State.PENDING_ACTION: payment_pb2.Payment.PENDING_ACTION,
    State.AUTHORIZED: payment_pb2.Payment.AUTHORIZED,
    State.CAPTURED: payment_pb2.Payment.CAPTURED,
    State.PARTIALLY_REFUNDED: payment_pb2.Payment.PARTIALLY_REFUNDED,
    State.REFUNDED: payment_pb2.Payment.REFUNDED,
    State.FAILED: payment_pb2.Payment.FAILED,
    State.VOIDED: payment_pb2.Payment.VOIDED,
    State.EXPIRED: payment_pb2.Payment.EXPIRED,
}
STATE_NAMES = {number: str(state) for state, number in _STATES.items()}
_PURPOSES = {
    Purpose.DEPOSIT: payment_pb2.Payment.DEPOSIT,
    Purpose.FULL: payment_pb2.Payment.FULL,
    Purpose.BALANCE: payment_pb2.Payment.BALANCE,
    Purpose.NO_SHOW_FEE: payment_pb2.Payment.NO_SHOW_FEE,
    Purpose.TIP: payment_pb2.Payment.TIP,
}
_REFUND_STATES = {
    Progress.PENDING: payment_pb2.Refund.PENDING,
    Progress.SUCCEEDED: payment_pb2.Refund.SUCCEEDED,
    Progress.FAILED: payment_pb2.Refund.FAILED,
}


def payment_message(payment: Payment, movements: Sequence[Movement]) -> payment_pb2.Payment:
    """The payment with its refunds; captures and voids show in its state."""
    return payment_pb2.Payment(
        id=str(payment.id),
        booking_id=str(payment.booking_id),
        salon_id=str(payment.salon_id),
        customer_id=str(payment.customer_id),
        purpose=_PURPOSES[payment.purpose],
        state=_STATES[payment.state],
        amount=to_proto(payment.amount, money_pb2.Money),
        captured=to_proto(payment.captured, money_pb2.Money),
        refunded=to_proto(payment.refunded, money_pb2.Money),
        provider=payment.provider,
        redirect_url=payment.redirect_url,
        failure_reason=payment.failure_reason,
        card_last_four=payment.card_last_four,
        refunds=[_refund(movement) for movement in movements if movement.kind is Kind.REFUND],
        create_time=timestamp(payment.created_at),
        update_time=timestamp(payment.updated_at),
        etag=etag_of(payment.revision),
    )


def reply(payment: Payment, movements: Sequence[Movement]) -> bytes:
    """The payment as it is kept for a repeated request."""
    return payment_message(payment, movements).SerializeToString(deterministic=True)


def _refund(movement: Movement) -> payment_pb2.Refund:
    return payment_pb2.Refund(
        id=str(movement.id),
        amount=to_proto(movement.amount, money_pb2.Money),
        state=_REFUND_STATES[movement.progress],
        reason=movement.reason,
        create_time=timestamp(movement.created_at),
    )
