"""Who has a phone number, and who exists, asked of identity."""

from typing import TYPE_CHECKING
from uuid import UUID

import grpc
from kursi.identity.v1 import identity_service_pb2
from kursi_chassis.errors import Invalid, Unavailable, Violation
from kursi_chassis.grpc.status import RemoteError

from kursi_booking.domain.errors import IdentityUnavailable
from kursi_booking.domain.guest import WalkIn

if TYPE_CHECKING:  # the name exists for type checkers only
    from kursi.identity.v1.identity_service_pb2_grpc import IdentityInternalServiceAsyncStub

_SERVICE = "kursi.identity.v1.IdentityInternalService"
REPEATABLE = (f"{_SERVICE}/EnsureGuest", f"{_SERVICE}/BatchGetContacts")
_DEADLINE_SECONDS = 2.0
_FIELDS = {"phoneNumber": "guest.phone_number", "languageCode": "guest.language_code"}


class IdentityCustomers:
    """Identity over gRPC; see `kursi_booking.ports.guests.Customers`."""

    def __init__(self, stub: "IdentityInternalServiceAsyncStub") -> None:
        self._stub = stub

    async def ensure(self, salon_id: UUID, guest: WalkIn, territory_code: str) -> UUID:
        """The account with the number, or the salon's guest with it."""
        request = identity_service_pb2.EnsureGuestRequest(
            salon_id=str(salon_id),
            phone_number=guest.phone_number,
            language_code=guest.language_code,
            territory_code=territory_code,
        )
        try:
            answer = await self._stub.EnsureGuest(request, timeout=_DEADLINE_SECONDS)
        except RemoteError as error:
            if error.code is grpc.StatusCode.INVALID_ARGUMENT:
                raise Invalid(*_in_our_words(error)) from error
            raise
        except (Unavailable, grpc.aio.AioRpcError) as error:
            raise IdentityUnavailable from error
        return UUID(answer.customer_id)

    async def expect(self, customer_id: UUID) -> None:
        """Make sure that somebody has this id, as far as identity can be asked."""
        request = identity_service_pb2.BatchGetContactsRequest(user_ids=[str(customer_id)])
        try:
            answer = await self._stub.BatchGetContacts(request, timeout=_DEADLINE_SECONDS)
        except (Unavailable, grpc.aio.AioRpcError):
            return
        if not answer.contacts:
            raise Invalid(Violation("customer_id", "UNKNOWN_VALUE"))


def _in_our_words(error: RemoteError) -> list[Violation]:
    return [Violation(_FIELDS.get(field, "guest"), reason) for field, reason in error.violations.items()]
