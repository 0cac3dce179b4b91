"""Which reminders a booking has: a function of its latest state, the salon's rules, the person's choices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kursi_messaging.domain.preferences import Preferences
from kursi_messaging.domain.words import BookingState, Channel

BEFORE_QUIET_HOURS = timedelta(minutes=15)
"""How long before quiet hours a reminder goes out that would come too late after them: enough for a backlog
or a retry to pass before they begin."""


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """A reminder `offset` before the start, on these channels."""

    offset: timedelta
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder. `occurrence` tells it from the booking's others, and from those for an earlier start."""

    channel: Channel
    offset: timedelta
    occurrence: str
    due_at: datetime


def reminders_of(
    state: BookingState,
    start: datetime,
    rules: Iterable[ReminderRule],
    preferences: Preferences,
    zone: ZoneInfo,
) -> tuple[Reminder, ...]:
    """All reminders that the visit calls for, also those whose time has passed. `zone` is the recipient's."""
    if state is not BookingState.CONFIRMED:
        return ()
    planned = {
        (rule.offset, channel): Reminder(
            channel=channel,
            offset=rule.offset,
            occurrence=f"{rule.offset // timedelta(minutes=1)}m@{start.isoformat()}",
            due_at=_due(start, rule.offset, preferences, zone),
        )
        for rule in rules
        for channel in preferences.channels(rule.channels)
    }
    return tuple(planned.values())


def _due(start: datetime, offset: timedelta, preferences: Preferences, zone: ZoneInfo) -> datetime:
    """The moment of the offset, or one before quiet hours that would last until the visit."""
    moment = start - offset
    quiet = preferences.quiet_hours.around(moment, zone) if preferences.quiet_hours else None
    if quiet is None or quiet[1] < start:
        # Quiet hours that end in time put it off when it is due: they may have been changed by then.
        return moment
    return quiet[0] - BEFORE_QUIET_HOURS
