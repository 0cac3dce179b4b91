"""The customer did not come."""

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.usecases.access import act_of_member
from kursi_booking.usecases.acting import Acting, Order


class MarkNoShow:
    """What missing a visit costs, and writing it down."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def __call__(self, order: Order, request: KeyedRequest, caller: Caller) -> bytes:
        """Write it down. Raises: BookingNotFound, Denied, StaleEtag, IllegalTransition, NotStartedYet."""
        return await self._acting.carry_out(
            order, request, caller, authority=act_of_member, verb=verbs.mark_no_show
        )

    async def foresee(self, order: Order, caller: Caller) -> bytes:
        """What it would cost. Raises: as writing it down."""
        return await self._acting.foresee(
            order, caller, authority=act_of_member, outcome=verbs.no_show_outcome
        )
