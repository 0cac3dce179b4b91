"""Somebody takes back what of a series is still to come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.domain.series import called_off, following, upcoming
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, Work
from kursi_booking.ports.series import DescribeSeries, RenderCancelled, SeriesStore
from kursi_booking.usecases.access import act_of_anyone, act_of_member
from kursi_booking.usecases.acting import Authority
from kursi_booking.usecases.saving import save
from kursi_booking.usecases.series_reading import visible_series

Foreseen = Sequence[tuple[Booking, CancellationOutcome]]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What of a series is taken back: all that is to come, or from one booking on; without a fee if the salon says so."""

    series_id: UUID
    from_booking: UUID | None
    reason: str
    waives_fee: bool


class CancelSeries:
    """Cancels the visits to come in one transaction, each by its own policy, with history and event of its own, and tells
    of all of them in one event besides.
    """

    def __init__(
        self,
        store: SeriesStore,
        bookings: BookingStore,
        clock: Clock,
        *,
        describe: DescribeEvent,
        describe_series: DescribeSeries,
        render: RenderCancelled,
    ) -> None:
        self._store = store
        self._bookings = bookings
        self._clock = clock
        self._describe = describe
        self._describe_series = describe_series
        self._render = render

    async def __call__(self, withdrawal: Withdrawal, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with what was cancelled, or the first answer when the request is a repetition.

        Raises: SeriesNotFound, BookingNotFound, Denied.
        """
        visible_series(await self._store.find(withdrawal.series_id), caller)
        ids = [booking.booking_id for booking in await self._store.bookings_of(withdrawal.series_id)]

        async def attempt() -> bytes:
            async with self._bookings.work() as work:
                kept = await work.kept_answer(request)
                if kept is not None:
                    return kept
                # All of them, in one order: which are still to come is only known once they stand still.
                locked = [await work.locked(booking_id) for booking_id in sorted(ids)]
                visits = [booking for booking in locked if booking is not None]
                cancelled = await self._cancel(work, visits, withdrawal, caller)
                answer = self._render(cancelled)
                await work.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)

    async def foresee(self, withdrawal: Withdrawal, caller: Caller) -> Foreseen:
        """What would be cancelled, and what that would cost. Writes nothing. Raises: as cancelling."""
        visible_series(await self._store.find(withdrawal.series_id), caller)
        visits = await self._store.bookings_of(withdrawal.series_id)
        outcome = verbs.free_cancellation_outcome if withdrawal.waives_fee else verbs.cancellation_outcome
        authority = _authority(withdrawal)
        return [
            (visit, outcome(visit, authority(visit, caller, self._clock.now(), withdrawal.reason)))
            for visit in self._chosen(visits, withdrawal, caller)
        ]

    async def _cancel(
        self, work: Work, visits: Sequence[Booking], withdrawal: Withdrawal, caller: Caller
    ) -> list[Booking]:
        verb: Callable[[Booking, Act], Change] = (
            verbs.cancel_without_fee if withdrawal.waives_fee else verbs.cancel
        )
        authority, now = _authority(withdrawal), self._clock.now()
        cancelled = []
        for visit in self._chosen(visits, withdrawal, caller):
            act = authority(visit, caller, now, withdrawal.reason)
            cancelled.append(await save(work, self._describe, visit, verb(visit, act), act))
        if cancelled:
            news = called_off(withdrawal.series_id, visits, cancelled, act)
            await work.tell(self._describe_series(news))
        return cancelled

    def _chosen(self, visits: Sequence[Booking], withdrawal: Withdrawal, caller: Caller) -> list[Booking]:
        """The visits that are meant. Raises: BookingNotFound; Denied for a customer who waives the fee."""
        for visit in visits[:1]:
            _authority(withdrawal)(visit, caller, self._clock.now())
        now = self._clock.now()
        if withdrawal.from_booking is None:
            return upcoming(visits, now)
        first = next((visit for visit in visits if visit.booking_id == withdrawal.from_booking), None)
        if first is None:
            raise BookingNotFound
        return following(visits, first, now)


def _authority(withdrawal: Withdrawal) -> Authority:
    return act_of_member if withdrawal.waives_fee else act_of_anyone
