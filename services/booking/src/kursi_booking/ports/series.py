"""What the use cases of recurring visits need of the layers below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.series import Series, SeriesNews, Upcoming
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import NewBooking


@dataclass(frozen=True, slots=True)
class NewSeries:
    """Everything that is written when a series is made. The visits have no key of their own: the request's is for all.

    `event` tells of all of them at once.
    """

    series: Series
    visits: tuple[NewBooking, ...]
    event: Event
    request: KeyedRequest
    answer: bytes


class VisitRefused(Exception):
    """The visit of this number could not be written, so nothing was; its time is taken, its day full, or the limit reached."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which series are listed; everything set must fit. At least one of the two is set."""

    salon_id: UUID | None
    customer_id: UUID | None


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A series as it is shown, with its bookings: made ones, or in a dry run (`is_foreseen`) those that would be."""

    series: Series
    bookings: Sequence[Booking]
    now: datetime
    is_foreseen: bool = False


class DescribeSeries(Protocol):
    """Makes the event of what became of several visits at once."""

    def __call__(self, news: SeriesNews) -> Event:
        """The event for the outbox."""
        ...


class RenderSeries(Protocol):
    """Words a series for a caller, as it is kept for repetitions."""

    def __call__(self, view: SeriesView) -> bytes:
        """The series with its visits."""
        ...


class RenderVisits(Protocol):
    """Words what was confirmed or taken back, as it is kept for repetitions."""

    def __call__(self, bookings: Sequence[Booking]) -> bytes:
        """The bookings; those that were taken back with their settlements, and the sums."""
        ...


class SeriesStore(Protocol):
    """Series in the database."""

    async def create(self, new: NewSeries) -> bytes:
        """Write a series and all its visits in one transaction, and return its answer, or the first answer when the
        request is a repetition.

        Raises: VisitRefused.
        """
        ...

    async def find(self, series_id: UUID) -> Series | None:
        """The series."""
        ...

    async def bookings_of(self, series_id: UUID) -> list[Booking]:
        """Its bookings by start, without locks. Which ones they are never changes."""
        ...

    async def page(
        self, wanted: SeriesFilter, after: UUID | None, size: int, now: datetime
    ) -> list[tuple[Series, Upcoming]]:
        """Up to `size` series that fit, the newest first, older than `after`."""
        ...
