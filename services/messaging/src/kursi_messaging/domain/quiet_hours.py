"""Quiet hours: a range of wall-clock time in which people are left alone, resolved per date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` until `end` local time, past midnight when `end` is earlier. Equal: never."""

    start: time
    end: time

    def around(self, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """The quiet range, half-open and in UTC, that holds `moment`; None when there is none."""
        if self.start == self.end:
            return None
        today = moment.astimezone(zone).date()
        for evening in (today - _DAY, today):
            begin, finish = self._range(evening, zone)
            if begin <= moment < finish:
                return begin, finish
        return None

    def _range(self, evening: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        morning = evening + _DAY if self.end < self.start else evening
        return instant(evening, self.start, zone), instant(morning, self.end, zone)


def instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """When a clock on the wall shows `wall`, in UTC.

    A time that the clock jumps over (spring) is the moment of the jump; of two equal ones (autumn) it is the
    first: quiet hours then begin as early and end as early as the wall says.
    """
    local = datetime.combine(day, wall, zone)
    utc = local.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return utc
    # In a gap the two folds stand for the offsets before and after it; the jump lies between.
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    if before is None or after is None:
        return utc
    return _jump(local.replace(fold=1).astimezone(UTC), utc, zone)


def _jump(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The instant in (earlier, later] at which the zone's offset changes, to the second."""
    offset = earlier.astimezone(zone).utcoffset()
    while later - earlier > timedelta(seconds=1):
        middle = earlier + (later - earlier) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            earlier = middle
        else:
            later = middle
    return later.replace(microsecond=0)
