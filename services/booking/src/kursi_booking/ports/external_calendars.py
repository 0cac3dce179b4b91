"""What the use cases of external calendars ask for."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.events.envelope import Event
from kursi_chassis.intervals import Interval, IntervalSet

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.calendar_address import CalendarAddress
from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.external_calendar import (
    Attempt,
    BusyTimes,
    CalendarConflict,
    ExternalCalendar,
    Fetched,
    Lease,
    Validators,
)
from kursi_booking.ports.answers import FirstAnswers, KeyedWork


@dataclass(frozen=True, slots=True)
class SealedAddress:
    """An address as it is kept: unreadable, and recognizable when it comes again."""

    sealed: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """A calendar that somebody may work on; `asked_at` is when it was last asked to be read."""

    calendar: ExternalCalendar
    asked_at: datetime | None
    is_connected: bool


class ExternalCalendarWork(KeyedWork, Protocol):
    """One transaction over the calendars of a staff member."""

    async def count_of(self, staff_id: UUID) -> int: ...
    async def add(
        self, calendar: ExternalCalendar, address: SealedAddress, time_zone: str, caller: Caller
    ) -> None: ...
    async def locked(self, place: StaffPlace, calendar_id: UUID) -> Connected | None: ...
    async def ask(self, calendar_id: UUID, now: datetime) -> None: ...
    async def disconnect(self, calendar: ExternalCalendar, now: datetime, caller: Caller) -> None: ...


class ExternalCalendars(FirstAnswers, Protocol):
    """Connected calendars and what they clash with."""

    def work(self) -> AbstractAsyncContextManager[ExternalCalendarWork]: ...
    async def of_staff(self, place: StaffPlace) -> Sequence[ExternalCalendar]: ...
    async def conflicts(self, salon_id: UUID, staff_id: UUID | None) -> Sequence[CalendarConflict]: ...


class DescribeConflict(Protocol):
    """Words the event of a new conflict."""

    def __call__(self, conflict: CalendarConflict, booking: Booking) -> Event: ...


class Refreshes(Protocol):
    """What comes of reading calendars. Whoever no longer has the lease writes nothing."""

    async def lease(self, now: datetime) -> Lease | None: ...
    async def bookings_of(self, staff_id: UUID, booking_ids: Sequence[UUID]) -> set[UUID]: ...
    async def claim(self, lease: Lease, chunk: Interval, busy: IntervalSet) -> bool: ...
    async def finish(
        self, lease: Lease, attempt: Attempt, now: datetime, next_at: datetime, describe: DescribeConflict
    ) -> bool: ...


class Fetch(Protocol):
    """Gets calendars over the network."""

    async def expect_public(self, text: str) -> CalendarAddress: ...
    async def __call__(self, url: str, known: Validators) -> Fetched | None: ...


class Parse(Protocol):
    """Reads calendars."""

    async def __call__(self, content: bytes, *, time_zone: str, within: Interval) -> BusyTimes: ...
