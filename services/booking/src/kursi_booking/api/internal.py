"""`kursi.booking.v1.BookingInternalService`."""

from kursi.booking.v1 import booking_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import optional_timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api.rendering import STATES
from kursi_booking.domain.booking import Booking
from kursi_booking.usecases.get_payment_terms import GetPaymentTerms, PaymentTerms
from kursi_booking.usecases.get_visit import GetVisit

NAME = "kursi.booking.v1.BookingInternalService"


class BookingInternalServicer:
    """For the other services."""

    def __init__(self, get_payment_terms: GetPaymentTerms, get_visit: GetVisit) -> None:
        self._get_payment_terms = get_payment_terms
        self._get_visit = get_visit

    async def GetPaymentTerms(
        self, request: booking_service_pb2.GetPaymentTermsRequest, context: Context
    ) -> booking_service_pb2.PaymentTerms:
        """What is to be paid for a booking."""
        with Violations() as check:
            booking_id = check.id("booking_id", request.booking_id)
        return _terms(await self._get_payment_terms(booking_id))

    async def GetVisit(
        self, request: booking_service_pb2.GetVisitRequest, context: Context
    ) -> booking_service_pb2.Visit:
        """What a visit was, and whose."""
        with Violations() as check:
            booking_id = check.id("booking_id", request.booking_id)
        return _visit(await self._get_visit(booking_id))


def _visit(booking: Booking) -> booking_service_pb2.Visit:
    return booking_service_pb2.Visit(
        booking_id=str(booking.booking_id),
        salon_id=str(booking.salon_id),
        customer_id=str(booking.customer_id),
        state=STATES[booking.state],
        service_ids=[str(item.service_id) for item in booking.items],
        staff_ids=dict.fromkeys(str(item.staff_id) for item in booking.items),
    )


def _terms(terms: PaymentTerms) -> booking_service_pb2.PaymentTerms:
    booking = terms.booking
    return booking_service_pb2.PaymentTerms(
        booking_id=str(booking.booking_id),
        salon_id=str(booking.salon_id),
        customer_id=str(booking.customer_id),
        state=STATES[booking.state],
        prepayment_due=to_proto(terms.prepayment, money_pb2.Money),
        balance_due=to_proto(terms.balance, money_pb2.Money),
        no_show_fee_due=to_proto(terms.no_show_fee, money_pb2.Money),
        hold_expire_time=optional_timestamp(booking.expires_at),
        prepayment_is_full=terms.prepayment_is_full,
    )
