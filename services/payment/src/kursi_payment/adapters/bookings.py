"""Booking over gRPC."""

from datetime import UTC
from uuid import UUID

import grpc
from kursi.booking.v1 import booking_pb2, booking_service_pb2, booking_service_pb2_grpc
from kursi.type.v1 import money_pb2
from kursi_chassis.errors import DeadlineExceeded, Unavailable
from kursi_chassis.grpc.status import RemoteError
from kursi_chassis.money import Money

from kursi_payment.domain.errors import BookingNotFound, BookingUnavailable, NothingDue
from kursi_payment.domain.terms import Terms

REPEATABLE = ("kursi.booking.v1.BookingInternalService/GetPaymentTerms",)

_TIPPED = frozenset(
    {booking_pb2.Booking.CONFIRMED, booking_pb2.Booking.CHECKED_IN, booking_pb2.Booking.COMPLETED}
)


class GrpcBookings:
    """See `ports.Bookings`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = booking_service_pb2_grpc.BookingInternalServiceStub(channel)

    async def terms(self, booking_id: UUID) -> Terms:
        request = booking_service_pb2.GetPaymentTermsRequest(booking_id=str(booking_id))
        try:
            return _terms(await self._stub.GetPaymentTerms(request, timeout=2.0))
        except RemoteError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                raise BookingNotFound from error
            raise BookingUnavailable from error
        except (Unavailable, DeadlineExceeded, grpc.aio.AioRpcError) as error:
            raise BookingUnavailable from error


def _terms(message: booking_service_pb2.PaymentTerms) -> Terms:
    dues = (message.prepayment_due, message.balance_due, message.no_show_fee_due)
    currency = next((due.currency_code for due in dues if due.currency_code), None)
    if currency is None:
        raise NothingDue
    held = message.HasField("hold_expire_time")
    return Terms(
        booking_id=UUID(message.booking_id),
        salon_id=UUID(message.salon_id),
        customer_id=UUID(message.customer_id),
        prepayment=_money(message.prepayment_due, currency),
        prepayment_is_full=message.prepayment_is_full,
        balance=_money(message.balance_due, currency),
        no_show_fee=_money(message.no_show_fee_due, currency),
        hold_expires_at=message.hold_expire_time.ToDatetime(UTC) if held else None,
        accepts_tip=message.state in _TIPPED,
    )


def _money(message: money_pb2.Money, currency: str) -> Money:
    """Nothing may come without a currency; then it is nothing of the booking's own."""
    return Money(message.currency_code or currency, message.amount_minor)
