"""The salon accepts a pending booking."""

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.usecases.access import act_of_member
from kursi_booking.usecases.acting import Acting, Order


class ConfirmBooking:
    """Gives the customer the salon's word."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def __call__(self, order: Order, request: KeyedRequest, caller: Caller) -> bytes:
        """Confirm it. Raises: BookingNotFound, Denied, StaleEtag, IllegalTransition."""
        return await self._acting.carry_out(
            order, request, caller, authority=act_of_member, verb=verbs.confirm
        )
