"""Recurring visits of one customer, and what becomes of the dates that do not fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.domain.state import NOT_BEGUN


class SeriesEventType(Enum):
    """What is told to the world about several visits at once; the last part of the event's subject."""

    SERIES_CREATED = "series_created"
    SERIES_CANCELLED = "series_cancelled"
    SERIES_CONFIRMED = "series_confirmed"


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


@dataclass(frozen=True, slots=True)
class SeriesNews:
    """A change of several visits at once: these, as it left them, by start. `outcome` is the sum of their settlements.

    `revision` is the sum of the revisions of all visits of the series: it grows with each change of any of them.
    """

    type: SeriesEventType
    series_id: UUID
    revision: int
    visits: tuple[Booking, ...]
    outcome: CancellationOutcome | None
    act: Act


def made(series_id: UUID, visits: Sequence[Booking], act: Act) -> SeriesNews:
    """All visits of a new series."""
    revision = sum(visit.revision for visit in visits)
    return SeriesNews(SeriesEventType.SERIES_CREATED, series_id, revision, _by_start(visits), None, act)


def called_off(
    series_id: UUID, before: Sequence[Booking], cancelled: Sequence[Booking], act: Act
) -> SeriesNews:
    """Visits that were taken back together; `before` are all visits of the series as they were."""
    were = {visit.booking_id: visit for visit in before}
    nothing = Money.zero(cancelled[0].fee.currency_code)
    outcome = CancellationOutcome(
        fee=sum((visit.fee for visit in cancelled), nothing),
        refund=sum((visit.refund_due - were[visit.booking_id].refund_due for visit in cancelled), nothing),
    )
    revision = _revision(before, cancelled)
    return SeriesNews(
        SeriesEventType.SERIES_CANCELLED, series_id, revision, _by_start(cancelled), outcome, act
    )


def accepted_together(
    series_id: UUID, before: Sequence[Booking], confirmed: Sequence[Booking], act: Act
) -> SeriesNews:
    """Visits that were confirmed together; `before` are all visits of the series as they were."""
    revision = _revision(before, confirmed)
    return SeriesNews(SeriesEventType.SERIES_CONFIRMED, series_id, revision, _by_start(confirmed), None, act)


def _revision(before: Sequence[Booking], changed: Sequence[Booking]) -> int:
    now = {visit.booking_id: visit.revision for visit in (*before, *changed)}
    return sum(now.values())


def _by_start(visits: Sequence[Booking]) -> tuple[Booking, ...]:
    return tuple(sorted(visits, key=lambda one: (one.during.start, one.booking_id)))


def in_series(change: Change, series_id: UUID) -> Change:
    """The new booking as a visit of the series."""
    return replace(change, booking=replace(change.booking, series_id=series_id))


def upcoming(bookings: Sequence[Booking], now: datetime) -> list[Booking]:
    """The visits that are still to come and can be called off, by start."""
    to_come = [one for one in bookings if one.state in NOT_BEGUN and one.during.start > now]
    return sorted(to_come, key=lambda one: (one.during.start, one.booking_id))


def following(bookings: Sequence[Booking], first: Booking, now: datetime) -> list[Booking]:
    """Of the visits to come this one and those that start after it."""
    return [one for one in upcoming(bookings, now) if one.during.start >= first.during.start]
