"""Whether a message that is due may go out now: decided again at the last moment, from what is true then.

Messages about something that a person just did (a booking made, moved, taken back, a payment) go out at any
hour: they are answers. Reminders, clashes of calendars and messages that a salon writes by hand keep to quiet
hours; a reminder is never sent in them, not even late, and a clash only where the visit comes before their end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from kursi_messaging.domain.preferences import Preferences
from kursi_messaging.domain.words import BookingState, Channel, Event, SkipReason

KEEPS_QUIET_HOURS = frozenset({Event.REMINDER, Event.MANUAL, Event.CALENDAR_CONFLICT})
_TELLS_A_PLAN = frozenset({
    Event.BOOKING_CREATED, Event.BOOKING_CONFIRMED, Event.BOOKING_RESCHEDULED, Event.CALENDAR_CONFLICT,
})  # fmt: skip
OVER = frozenset({
    BookingState.CANCELLED, BookingState.EXPIRED, BookingState.COMPLETED, BookingState.NO_SHOW,
})  # fmt: skip
"""States of visits that nobody has to come to any more."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that is due. `start` is the visit's start that it tells; None when it tells none."""

    event: Event
    channel: Channel
    booking_revision: int | None
    start: datetime | None
    due_at: datetime

    @classmethod
    def from_row(
        cls,
        event: str,
        channel: str,
        booking_revision: int | None,
        facts: Mapping[str, object],
        due_at: datetime,
    ) -> Self:
        """The candidate that a row of `notifications` stands for."""
        start = facts.get("start")
        return cls(
            event=Event(event),
            channel=Channel(channel),
            booking_revision=booking_revision,
            start=datetime.fromisoformat(start) if isinstance(start, str) else None,
            due_at=due_at,
        )


@dataclass(frozen=True, slots=True)
class LatestBooking:
    """What is known of the booking now."""

    state: BookingState
    revision: int
    start: datetime


@dataclass(frozen=True, slots=True)
class Send:
    """Hand it to the provider."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Never send it; `reason` is recorded."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Defer:
    """Look again at `until`."""

    until: datetime


Decision = Send | Skip | Defer


def decide(
    candidate: Candidate,
    latest: LatestBooking | None,
    preferences: Preferences,
    zone: ZoneInfo,
    now: datetime,
) -> Decision:
    """What to do with a due message. `latest` is None without a booking, or when none is known yet."""
    if latest is not None and is_stale(candidate, latest):
        return Skip(SkipReason.STALE)
    if not preferences.allows(candidate.event, candidate.channel):
        return Skip(SkipReason.PREF_OFF)
    if candidate.event is Event.REMINDER and _is_too_late(candidate, now):
        return Skip(SkipReason.TOO_LATE)
    return _respect_quiet_hours(candidate, preferences, zone, now)


def is_stale(candidate: Candidate, latest: LatestBooking) -> bool:
    """Whether the message would tell what is no longer true.

    News of a plan is stale once a later revision ended the visit or moved it: the message about that revision
    says what counts. That a booking was made is still worth telling when it was confirmed a second later.
    """
    if candidate.event is Event.REMINDER:
        return latest.state is not BookingState.CONFIRMED or latest.start != candidate.start
    if candidate.event not in _TELLS_A_PLAN or candidate.booking_revision is None:
        return False
    if latest.revision <= candidate.booking_revision:
        return False
    return latest.state in OVER or latest.start != candidate.start


def _is_too_late(reminder: Candidate, now: datetime) -> bool:
    """A reminder may be late by half of the time that was left; then it misleads more than it helps."""
    if reminder.start is None or now >= reminder.start:
        return True
    lead = max(reminder.start - reminder.due_at, timedelta())
    return now - reminder.due_at > lead / 2


def _respect_quiet_hours(
    candidate: Candidate, preferences: Preferences, zone: ZoneInfo, now: datetime
) -> Decision:
    quiet_hours = preferences.quiet_hours
    if quiet_hours is None or candidate.event not in KEEPS_QUIET_HOURS:
        return Send()
    quiet = quiet_hours.around(now, zone)
    if quiet is None:
        return Send()
    if candidate.start is None or quiet[1] < candidate.start:
        return Defer(quiet[1])
    match candidate.event:
        case Event.REMINDER:
            return Skip(SkipReason.QUIET_HOURS)
        case Event.CALENDAR_CONFLICT:
            return Send()
        case _:
            return Defer(quiet[1])
