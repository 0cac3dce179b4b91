"""From the bytes of a calendar to the times at which its owner is busy.

Whoever writes the bytes chooses them, so nothing is believed: sizes, counts and steps are bounded here, and whoever
calls this runs it in a process of its own that can be ended, because no count bounds what a library does in one step.

Times with a zone follow the zone, by its IANA name or as the calendar describes it. Times without one, and whole days,
are the salon's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval, clip, merged

from kursi_booking.adapters.calendar_lines import MALFORMED, Property, RawEvent, raw_calendar
from kursi_booking.adapters.calendar_recurrence import Scope, busy_times
from kursi_booking.adapters.calendar_zones import Zones
from kursi_booking.domain.external_calendar import MOST_BUSY, BusyTimes, CalendarUnreadable

_ID: Final = r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"


@dataclass(slots=True)
class _Series:
    """An event with its exceptions: what replaces which of its times."""

    main: RawEvent | None = None
    instead: dict[int, RawEvent] = field(default_factory=dict)


def read_busy(content: bytes, *, zone: ZoneInfo, within: Interval, host: str) -> BusyTimes:
    """When the owner is busy in the range. Events whose UID is `<id>@<host>` are bookings of ours, and apart.

    An event that cannot be understood is skipped and counted.

    Raises: CalendarUnreadable (NOT_A_CALENDAR, TOO_MANY_EVENTS, TOO_COMPLEX), and nothing else whatever the bytes.
    """
    calendar = raw_calendar(content)
    reader = _Reader(Scope(Zones(zone, calendar.zones), within))
    ours = re.compile(f"{_ID}@{re.escape(host)}", re.IGNORECASE)
    for uid, series in reader.series(calendar.events).items():
        found = ours.fullmatch(uid)
        reader.take(series, UUID(found[1]) if found else None)
    busy = clip(merged(reader.busy), *within)
    if len(busy) > MOST_BUSY:
        raise CalendarUnreadable("TOO_MANY_EVENTS")
    own = {booking_id: clip(merged(times), *within) for booking_id, times in reader.own.items()}
    return BusyTimes(busy, own, reader.skipped)


class _Reader:
    """Reads the events of one calendar."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.busy: list[Interval] = []
        self.own: dict[UUID, list[Interval]] = {}
        self.skipped = 0

    def series(self, events: Sequence[RawEvent]) -> dict[str, _Series]:
        """The events by UID; of two versions of one the later counts. One without a UID stands for itself."""
        found: dict[str, _Series] = {}
        for position, event in enumerate(events):
            one = found.setdefault(event.word("UID") or f"#{position}", _Series())
            replaces = event.first("RECURRENCE-ID")
            if replaces is None:
                one.main = _later(one.main, event)
                continue
            try:
                instant = self._scope.zones.moment(replaces).epoch
            except MALFORMED:
                self.skipped += 1
            else:
                one.instead[instant] = _later(one.instead.get(instant), event)
        return found

    def take(self, series: _Series, booking_id: UUID | None) -> None:
        """Add the times of a series; to those of a booking when it is one of ours."""
        times = self.busy if booking_id is None else self.own.setdefault(booking_id, [])
        moved = [one for event in series.instead.values() if (one := event.first("RECURRENCE-ID"))]
        if series.main is not None:
            times.extend(self._times(series.main, moved))
        for event in series.instead.values():
            times.extend(self._times(event, ()))

    def _times(self, event: RawEvent, moved: Sequence[Property]) -> list[Interval]:
        if not event.keeps_busy:
            return []
        try:
            return busy_times(event, self._scope, moved)
        except MALFORMED:
            self.skipped += 1
            return []


def _later(known: RawEvent | None, event: RawEvent) -> RawEvent:
    return event if known is None or _sequence(event) >= _sequence(known) else known


def _sequence(event: RawEvent) -> int:
    text = event.word("SEQUENCE")
    return int(text[:9]) if text.isascii() and text.isdigit() else 0
