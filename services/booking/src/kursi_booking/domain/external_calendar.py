"""Calendars elsewhere that keep staff busy: when they are read again, and how far ahead they count.

Times are epoch seconds where they are compared in numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from kursi_chassis.intervals import Interval, IntervalSet

from kursi_booking.domain.calendar_feed import StaffPlace

MOST_CALENDARS: Final = 5
MOST_BUSY: Final = 5_000
"""Stretches of busy time of one calendar: twelve on each of 400 days."""
LONGEST_NAME: Final = 60
ASK_AGAIN_AFTER: Final = timedelta(minutes=1)
_DAY: Final = 86_400
_CHUNK: Final = 32 * _DAY
_AHEAD_DAYS: Final = 400
"""The longest that a salon's policy lets anybody book ahead."""
_USUAL: Final = timedelta(minutes=15)
_LONGEST: Final = timedelta(hours=6)
_MOST_DOUBLINGS: Final = 8
_WHOLE_AGAIN: Final = timedelta(hours=24)
_SPREAD: Final = 0.2


class CalendarUnreadable(Exception):
    """A calendar could not be fetched or understood; `why` is a reason of the contract."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


@dataclass(frozen=True, slots=True)
class BusyTimes:
    """What a calendar says: when its owner is busy, apart from events that are bookings of ours, by booking.

    `skipped` events could not be understood.
    """

    busy: IntervalSet
    own: Mapping[UUID, IntervalSet] = field(default_factory=dict)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Validators:
    """What the other side told about the version that was read last."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of a calendar, and what to ask by next time."""

    content: bytes
    validators: Validators


@dataclass(frozen=True, slots=True)
class ExternalCalendar:
    """A connected calendar as its owner sees it."""

    calendar_id: UUID
    staff: StaffPlace
    name: str
    host: str
    created_at: datetime
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str = ""
    last_status: int = 0
    busy_count: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to read one calendar for a while, and what is needed for it."""

    lease_id: UUID
    calendar_id: UUID
    staff: StaffPlace
    time_zone: str
    sealed_url: bytes
    validators: Validators
    read_at: datetime | None
    failures: int
    busy: IntervalSet

    def known(self, now: datetime) -> Validators:
        """What to ask for changes since. Once a day everything is read again: the horizon moves, whether or not events do."""
        is_recent = self.read_at is not None and now - self.read_at < _WHOLE_AGAIN
        return self.validators if is_recent else Validators()

    def in_zone(self, time_zone: str) -> "Lease":
        """The same for a salon in this zone. Whole days and times without a zone are the salon's: in another one all of
        it is read again.
        """
        if time_zone == self.time_zone:
            return self
        return replace(self, time_zone=time_zone, validators=Validators())


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of reading a calendar once: what it says by now, or what it said before, and why no more is known.

    `is_read` means that it answered, if only that nothing has changed; `is_new` that it was read from the beginning.
    """

    busy: IntervalSet
    validators: Validators = Validators()
    skipped: int = 0
    is_read: bool = False
    is_new: bool = False
    why: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True)
class CalendarConflict:
    """A booking at a time when its staff member is busy elsewhere."""

    conflict_id: UUID
    staff: StaffPlace
    calendar_id: UUID
    booking_id: UUID
    start: datetime
    end: datetime
    detected_at: datetime


def window(now: datetime) -> Interval:
    """The time in which events count, in whole days, so that it is the same all day; yesterday's are still shown."""
    today = int(now.timestamp()) // _DAY * _DAY
    return today - _DAY, today + _AHEAD_DAYS * _DAY


def chunks(within: Interval) -> list[Interval]:
    """The range in parts of about a month, whose edges are the same every day. No claim reaches over an edge."""
    start, end = within
    first = start // _CHUNK * _CHUNK
    edges = [start, *range(first + _CHUNK, end, _CHUNK), end]
    return list(pairwise(edges))


def next_refresh(now: datetime, failures: int, chance: float) -> datetime:
    """When to read again: about every quarter of an hour, up to six hours apart while it fails.

    `chance` in [0, 1) spreads them by a fifth, so that calendars that were connected together part.
    """
    pause = min(_USUAL * 2 ** min(failures, _MOST_DOUBLINGS), _LONGEST)
    return now + timedelta(seconds=pause.total_seconds() * (1 - _SPREAD / 2 + _SPREAD * chance))


def instant(seconds: int) -> datetime:
    """Epoch seconds as an instant."""
    return datetime.fromtimestamp(seconds, UTC)
