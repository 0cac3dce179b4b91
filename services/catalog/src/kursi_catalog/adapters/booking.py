"""Booking over gRPC."""

from uuid import UUID

import grpc
from kursi.booking.v1 import booking_pb2, booking_service_pb2, booking_service_pb2_grpc
from kursi_chassis.grpc.status import RemoteError

from kursi_catalog.ports import Visit

REPEATABLE = ("kursi.booking.v1.BookingInternalService/GetVisit",)
"""Methods that change nothing when they are repeated."""


class GrpcBooking:
    """Answers what the use cases ask of booking."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = booking_service_pb2_grpc.BookingInternalServiceStub(channel)

    async def visit(self, booking_id: UUID) -> Visit | None:
        try:
            found = await self._stub.GetVisit(booking_service_pb2.GetVisitRequest(booking_id=str(booking_id)))
        except RemoteError as error:
            if error.reason == "BOOKING_NOT_FOUND":
                return None
            raise
        return Visit(
            booking_id=booking_id,
            salon_id=UUID(found.salon_id),
            customer_id=UUID(found.customer_id) if found.customer_id else None,
            is_completed=found.state == booking_pb2.Booking.COMPLETED,
            service_ids=tuple(map(UUID, found.service_ids)),
            staff_ids=tuple(map(UUID, found.staff_ids)),
        )
