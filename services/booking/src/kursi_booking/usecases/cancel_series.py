"""Somebody takes back what of a series is still to come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.domain.series import called_off
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import Work
from kursi_booking.ports.series import RenderVisits
from kursi_booking.usecases.access import act_of_anyone, act_of_member
from kursi_booking.usecases.acting import Authority
from kursi_booking.usecases.saving import save
from kursi_booking.usecases.series_acting import Part, SeriesActing

Foreseen = Sequence[tuple[Booking, CancellationOutcome]]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What of a series is taken back, and why; without a fee if the salon says so."""

    part: Part
    reason: str
    waives_fee: bool


class CancelSeries:
    """Cancels the visits to come, each by its own policy."""

    def __init__(self, acting: SeriesActing, render: RenderVisits) -> None:
        self._acting = acting
        self._render = render

    async def __call__(self, withdrawal: Withdrawal, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with what was cancelled, or the first answer when the request is a repetition.

        Raises: SeriesNotFound, BookingNotFound, Denied.
        """

        async def cancel(work: Work, visits: Sequence[Booking]) -> bytes:
            return self._render(await self._cancel(work, visits, withdrawal, caller))

        return await self._acting.carry_out(withdrawal.part.series_id, request, caller, cancel)

    async def foresee(self, withdrawal: Withdrawal, caller: Caller) -> Foreseen:
        """What would be cancelled, and what that would cost. Writes nothing. Raises: as cancelling."""
        visits = await self._acting.visits(withdrawal.part.series_id, caller)
        outcome = verbs.free_cancellation_outcome if withdrawal.waives_fee else verbs.cancellation_outcome
        authority = _authority(withdrawal)
        return [
            (visit, outcome(visit, authority(visit, caller, self._acting.clock.now(), withdrawal.reason)))
            for visit in self._chosen(visits, withdrawal, caller)
        ]

    async def _cancel(
        self, work: Work, visits: Sequence[Booking], withdrawal: Withdrawal, caller: Caller
    ) -> list[Booking]:
        verb: Callable[[Booking, Act], Change] = (
            verbs.cancel_without_fee if withdrawal.waives_fee else verbs.cancel
        )
        authority, now = _authority(withdrawal), self._acting.clock.now()
        cancelled = []
        for visit in self._chosen(visits, withdrawal, caller):
            act = authority(visit, caller, now, withdrawal.reason)
            cancelled.append(await save(work, self._acting.describe, visit, verb(visit, act), act))
        if cancelled:
            news = called_off(withdrawal.part.series_id, visits, cancelled, act)
            await self._acting.tell(work, news)
        return cancelled

    def _chosen(self, visits: Sequence[Booking], withdrawal: Withdrawal, caller: Caller) -> list[Booking]:
        """The visits that are meant. Raises: BookingNotFound; Denied for a customer who waives the fee."""
        now = self._acting.clock.now()
        for visit in visits[:1]:
            _authority(withdrawal)(visit, caller, now)
        return withdrawal.part.of(visits, now)


def _authority(withdrawal: Withdrawal) -> Authority:
    return act_of_member if withdrawal.waives_fee else act_of_anyone
