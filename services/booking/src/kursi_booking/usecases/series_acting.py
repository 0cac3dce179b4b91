"""Changing several visits of a series: which ones, and the order of work that all such changes have in common."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.domain.series import SeriesNews, following, upcoming
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, Work
from kursi_booking.ports.series import DescribeSeries, SeriesStore
from kursi_booking.usecases.read_series import visible_series


@dataclass(frozen=True, slots=True)
class Part:
    """Which visits of a series are meant: all that are to come, or from one booking on."""

    series_id: UUID
    from_booking: UUID | None

    def of(self, visits: Sequence[Booking], now: datetime) -> list[Booking]:
        """Those of them, by start. Raises: BookingNotFound."""
        if self.from_booking is None:
            return upcoming(visits, now)
        first = next((visit for visit in visits if visit.booking_id == self.from_booking), None)
        if first is None:
            raise BookingNotFound
        return following(visits, first, now)


Change = Callable[[Work, Sequence[Booking]], Awaitable[bytes]]
"""Changes some of these visits, which nobody else changes meanwhile, and returns the answer."""


class SeriesActing:
    """Changes visits in one transaction, each with history and event of its own, and tells of all of them in one event
    besides.
    """

    def __init__(
        self,
        store: SeriesStore,
        bookings: BookingStore,
        clock: Clock,
        *,
        describe: DescribeEvent,
        describe_series: DescribeSeries,
    ) -> None:
        self.clock = clock
        self.describe = describe
        self._store = store
        self._bookings = bookings
        self._describe_series = describe_series

    async def visits(self, series_id: UUID, caller: Caller) -> list[Booking]:
        """All visits of the series, without locks. Raises: SeriesNotFound."""
        visible_series(await self._store.find(series_id), caller)
        return await self._store.bookings_of(series_id)

    async def carry_out(
        self, series_id: UUID, request: KeyedRequest, caller: Caller, change: Change
    ) -> bytes:
        """The answer of the change, or the first answer when the request is a repetition. Raises: SeriesNotFound."""
        ids = [booking.booking_id for booking in await self.visits(series_id, caller)]

        async def attempt() -> bytes:
            async with self._bookings.work() as work:
                kept = await work.kept_answer(request)
                if kept is not None:
                    return kept
                # All of them, in one order: which are still to come is only known once they stand still.
                locked = [await work.locked(booking_id) for booking_id in sorted(ids)]
                answer = await change(work, [booking for booking in locked if booking is not None])
                await work.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)

    async def tell(self, work: Work, news: SeriesNews) -> None:
        """Tell of all of them at once."""
        await work.tell(self._describe_series(news))
