"""Recurring visits of one customer, and what becomes of the dates that do not fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from kursi_booking.domain.booking import Booking, Change
from kursi_booking.domain.state import State

_CAN_BE_CALLED_OFF = frozenset({State.HELD, State.PENDING, State.CONFIRMED})


class Mode(Enum):
    """What becomes of a series when a date does not fit."""

    ALL = "all"
    AS_MANY_AS_FIT = "as_many_as_fit"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A date that did not fit, why, and what was free near it a moment ago."""

    start: datetime
    reason: str
    rule: str = ""
    alternatives: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """What was asked for, and the dates that did not fit; the others are bookings that know their series."""

    series_id: UUID
    salon_id: UUID
    customer_id: UUID
    time_zone: str
    first_start: datetime
    every_weeks: int
    mode: Mode
    left_out: tuple[LeftOut, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What of a series is still to come."""

    count: int
    next_start: datetime | None


def in_series(change: Change, series_id: UUID) -> Change:
    """The new booking as a visit of the series."""
    return replace(change, booking=replace(change.booking, series_id=series_id))


def upcoming(bookings: Sequence[Booking], now: datetime) -> list[Booking]:
    """The visits that are still to come and can be called off, by start."""
    to_come = [one for one in bookings if one.state in _CAN_BE_CALLED_OFF and one.during.start > now]
    return sorted(to_come, key=lambda one: (one.during.start, one.booking_id))


def following(bookings: Sequence[Booking], first: Booking, now: datetime) -> list[Booking]:
    """Of the visits to come this one and those that start after it."""
    return [one for one in upcoming(bookings, now) if one.during.start >= first.during.start]
