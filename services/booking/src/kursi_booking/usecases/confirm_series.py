"""The salon accepts the pending visits of a series at once."""

from collections.abc import Sequence

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Booking
from kursi_booking.domain.series import accepted_together
from kursi_booking.domain.state import State
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import Work
from kursi_booking.ports.series import RenderVisits
from kursi_booking.usecases.access import act_of_member
from kursi_booking.usecases.saving import save
from kursi_booking.usecases.series_acting import Part, SeriesActing


class ConfirmSeries:
    """Confirms what is still to come and waits for it; whatever else became of the others stays."""

    def __init__(self, acting: SeriesActing, render: RenderVisits) -> None:
        self._acting = acting
        self._render = render

    async def __call__(self, part: Part, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with what was confirmed, or the first answer when the request is a repetition.

        Raises: SeriesNotFound, BookingNotFound, Denied for its customer.
        """

        async def confirm(work: Work, visits: Sequence[Booking]) -> bytes:
            return self._render(await self._confirm(work, visits, part, caller))

        return await self._acting.carry_out(part.series_id, request, caller, confirm)

    async def _confirm(
        self, work: Work, visits: Sequence[Booking], part: Part, caller: Caller
    ) -> list[Booking]:
        now = self._acting.clock.now()
        # Whose they are is the same for all of them.
        act = act_of_member(visits[0], caller, now)
        pending = [visit for visit in part.of(visits, now) if visit.state is State.PENDING]
        confirmed = [
            await save(work, self._acting.describe, visit, verbs.confirm(visit, act), act)
            for visit in pending
        ]
        if confirmed:
            await self._acting.tell(work, accepted_together(part.series_id, visits, confirmed, act))
        return confirmed
