"""Somebody takes a booking back."""

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.usecases.access import act_of_anyone, act_of_member
from kursi_booking.usecases.acting import Acting, Order


class CancelBooking:
    """Cancels by the policy that was frozen into the booking."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def __call__(self, order: Order, request: KeyedRequest, caller: Caller) -> bytes:
        """Cancel it. Raises: BookingNotFound, StaleEtag, IllegalTransition, TooLateToCancel."""
        return await self._acting.carry_out(
            order, request, caller, authority=act_of_anyone, verb=verbs.cancel
        )

    async def foresee(self, order: Order, caller: Caller) -> bytes:
        """What it would cost. Raises: as cancelling."""
        return await self._acting.foresee(
            order, caller, authority=act_of_anyone, outcome=verbs.cancellation_outcome
        )


class CancelWithoutFee:
    """Cancels and gives everything back, which only the salon can decide."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting

    async def __call__(self, order: Order, request: KeyedRequest, caller: Caller) -> bytes:
        """Cancel it. Raises: BookingNotFound, Denied, StaleEtag, IllegalTransition."""
        return await self._acting.carry_out(
            order, request, caller, authority=act_of_member, verb=verbs.cancel_without_fee
        )

    async def foresee(self, order: Order, caller: Caller) -> bytes:
        """What would go back. Raises: as cancelling."""
        return await self._acting.foresee(
            order, caller, authority=act_of_member, outcome=verbs.free_cancellation_outcome
        )
