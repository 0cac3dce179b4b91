"""What a salon's people have to do in a stretch of time, and how full it is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from kursi_chassis.intervals import Interval, IntervalSet, clip, merged

from kursi_booking.domain.state import Channel, PaymentState, State
from kursi_booking.domain.time_range import TimeRange

BOOKED = frozenset({State.PENDING, State.CONFIRMED, State.CHECKED_IN, State.COMPLETED, State.NO_SHOW})
"""States of visits whose time counts as booked: kept for a customer who wants it, whether they came or not."""


class Cause(Enum):
    """What takes a time that no visit takes."""

    OTHER = "other"
    EXTERNAL_CALENDAR = "external_calendar"
    WAITING_LIST = "waiting_list"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class WantedCalendar:
    """Whose calendar is asked for, and when; no staff: the whole salon's."""

    salon_id: UUID
    staff_ids: tuple[UUID, ...]
    during: TimeRange


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One person's part in one service of one visit. `visit` is the whole visit's time; who does not lead, helps."""

    booking_id: UUID
    item_id: UUID
    service_id: UUID
    service_names: Mapping[str, str]
    staff_id: UUID
    staff_names: Mapping[str, str]
    leads: bool
    during: TimeRange
    visit: TimeRange
    state: State
    payment_state: PaymentState
    customer_id: UUID
    guest_name: str | None
    channel: Channel
    note: str
    revision: int


@dataclass(frozen=True, slots=True)
class Block:
    """A person, room or machine that is taken by no visit."""

    unit_id: UUID
    during: TimeRange
    cause: Cause
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Booked and working time, in seconds."""

    booked: int = 0
    working: int = 0

    def __add__(self, other: "Utilisation") -> "Utilisation":
        return Utilisation(self.booked + other.booked, self.working + other.working)

    @property
    def basis_points(self) -> int:
        """Booked in hundredths of a percent of working, rounded down; 0 of nothing."""
        return self.booked * 10_000 // self.working if self.working else 0


@dataclass(frozen=True, slots=True)
class CalendarColumn:
    """One person's calendar. Working time in epoch seconds, within the range."""

    staff_id: UUID
    names: Mapping[str, str]
    working: IntervalSet
    entries: Sequence[CalendarEntry]
    blocks: Sequence[Block]
    utilisation: Utilisation


@dataclass(frozen=True, slots=True)
class SalonCalendar:
    """A range of a salon's calendar. `things` are blocked rooms and machines."""

    columns: Sequence[CalendarColumn]
    things: Mapping[UUID, Sequence[Block]]
    utilisation: Utilisation
    time_zone: str
    as_of: datetime
    stale: bool


def utilisation(booked: Iterable[Interval], working: Sequence[Interval], window: Interval) -> Utilisation:
    """How much of a person's time is booked within the window.

    Booked times that overlap count once. Those outside of working time count too: somebody works then after all.
    """
    return Utilisation(_length(clip(merged(booked), *window)), _length(clip(working, *window)))


def _length(intervals: IntervalSet) -> int:
    return sum(end - start for start, end in intervals)
