"""When a staff member works: wall-clock rules in, instants out.

Hours and shifts are written in the salon's local time and become instants only here, one conversion per boundary:

1. what the staff member is rostered for: the override of a local date if there is one, else the weekly
   shifts that are valid on it. A shift belongs to the date it starts on, even when it ends after midnight;
2. within the salon's opening hours;
3. without time off;
4. without prayer breaks;
5. without closures.

Each step is a function of its own, so that "why is this time closed" can be asked of the steps one at a time.
Instants are whole epoch seconds, ranges are half-open, minutes count from local midnight and may pass 24:00.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval, IntervalSet, clip, intersect, merged, subtract

from kursi_catalog.domain import prayer
from kursi_catalog.domain.prayer import PrayerBreaks
from kursi_catalog.domain.salon import Location

MINUTES_PER_DAY = 1440
LATEST_MINUTE = 2 * MINUTES_PER_DAY
_DAYS_A_SHIFT_REACHES = 2


class LocalRange(NamedTuple):
    """Minutes of one local date, half-open; `end` may pass 24:00 and then lies on the next date."""

    start: int
    end: int


def clock(minute: int) -> str:
    """A minute of a date as people write it: `09:30`, and `25:00` an hour after midnight."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


@dataclass(frozen=True, slots=True)
class WeeklyRange:
    """One range on one weekday: a shift of a staff member or opening hours of a salon.

    `weekday` is ISO: Monday is 1. `valid_from` and `valid_to` are both inclusive. Ranges of different rules are equal when
    they make the same of a week.
    """

    rule_id: UUID = field(compare=False)
    weekday: int
    during: LocalRange
    breaks: tuple[LocalRange, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None

    def applies_on(self, day: date) -> bool:
        """Whether the range starts on this local date."""
        return (
            day.isoweekday() == self.weekday
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Override:
    """What a staff member works on one local date instead of the weekly shifts; no ranges means a day off."""

    rule_id: UUID
    day: date
    ranges: tuple[LocalRange, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeOff:
    """Approved absence, from one instant to another."""

    rule_id: UUID
    during: Interval


@dataclass(frozen=True, slots=True)
class SalonSchedule:
    """Prayer breaks are computed from the location; without one there are none. Closures are instants already."""

    zone: ZoneInfo
    hours: tuple[WeeklyRange, ...]
    closures: IntervalSet = ()
    prayer_breaks: PrayerBreaks | None = None
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class StaffSchedule:
    staff_id: UUID
    shifts: tuple[WeeklyRange, ...]
    overrides: tuple[Override, ...] = ()
    time_off: tuple[TimeOff, ...] = ()


@lru_cache(maxsize=1 << 16)
def to_epoch(zone: ZoneInfo, day: date, minute: int) -> int:
    """The instant of a wall time.

    A time that the clock skips takes the offset before the gap, so it moves forward; one that it shows twice
    is the first of the two. Cached because fifty people share their boundaries and a conversion costs far
    more than a look-up.
    """
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return int(wall.timestamp())


def resolve(
    salon: SalonSchedule, staff: Iterable[StaffSchedule], start: datetime, end: datetime
) -> Mapping[UUID, IntervalSet]:
    """Working time per staff member in ``[start, end)``: epoch seconds, sorted, merged, half-open."""
    window = (int(start.timestamp()), int(end.timestamp()))
    days = days_that_reach(salon.zone, window)
    # Prayer breaks come off the opening hours, once for everybody.
    hours = without_prayer_breaks(open_intervals(salon, days), prayer_intervals(salon, days))
    return {
        member.staff_id: clip(
            without_closures(
                without_time_off(
                    within_salon_hours(rostered_intervals(salon.zone, member, days), hours), member
                ),
                salon.closures,
            ),
            *window,
        )
        for member in staff
    }


def open_time(salon: SalonSchedule, start: datetime, end: datetime) -> IntervalSet:
    """When the salon is open in ``[start, end)``, whoever works: within its hours, not at prayer, not closed."""
    window = (int(start.timestamp()), int(end.timestamp()))
    days = days_that_reach(salon.zone, window)
    hours = without_prayer_breaks(open_intervals(salon, days), prayer_intervals(salon, days))
    return clip(without_closures(hours, salon.closures), *window)


def days_that_reach(zone: ZoneInfo, window: Interval) -> Sequence[date]:
    """Every local date whose ranges can touch the window, given that a range may end two midnights later."""
    first = datetime.fromtimestamp(window[0], UTC).astimezone(zone).date() - timedelta(
        days=_DAYS_A_SHIFT_REACHES
    )
    last = datetime.fromtimestamp(window[1], UTC).astimezone(zone).date()
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def open_intervals(salon: SalonSchedule, days: Sequence[date]) -> IntervalSet:
    """When the salon's weekly hours have it open, closures not yet considered."""
    return weekly_intervals(salon.zone, salon.hours, days)


def prayer_intervals(salon: SalonSchedule, days: Sequence[date]) -> IntervalSet:
    """When the salon breaks off for prayer.

    A date is the sun's at the place. The clocks of a zone that lies far from its longitude may show the day before
    or after it, so the dates of the clock are taken with one more at their end; at their beginning they reach far
    enough already.
    """
    if salon.prayer_breaks is None or salon.location is None or not days:
        return ()
    return prayer.intervals(salon.prayer_breaks, salon.location, [*days, days[-1] + timedelta(days=1)])


def rostered_intervals(zone: ZoneInfo, member: StaffSchedule, days: Sequence[date]) -> IntervalSet:
    """What the staff member is down for: overrides on their dates, weekly shifts on all others."""
    overrides = {override.day: override for override in member.overrides}
    weekly = weekly_intervals(zone, member.shifts, [day for day in days if day not in overrides])
    dated = merged(
        _interval(zone, day, during) for day in days if day in overrides for during in overrides[day].ranges
    )
    return merged(weekly + dated) if dated else weekly


def within_salon_hours(rostered: IntervalSet, open_time: IntervalSet) -> IntervalSet:
    """Nobody works in a salon that is not open, override or not."""
    return intersect(rostered, open_time)


def without_time_off(working: IntervalSet, member: StaffSchedule) -> IntervalSet:
    """Time off wins over shifts and overrides."""
    return subtract(working, merged(absence.during for absence in member.time_off))


def without_prayer_breaks(working: IntervalSet, breaks: IntervalSet) -> IntervalSet:
    """Everybody breaks off at once, override or not."""
    return subtract(working, breaks)


def without_closures(working: IntervalSet, closed: IntervalSet) -> IntervalSet:
    """A closure wins over everything."""
    return subtract(working, closed)


def weekly_intervals(zone: ZoneInfo, rules: Sequence[WeeklyRange], days: Sequence[date]) -> IntervalSet:
    """What weekly ranges make of these dates, their breaks left out."""
    return _weekly_intervals(zone, tuple(rules), tuple(days))


@lru_cache(maxsize=1_024)
def _weekly_intervals(zone: ZoneInfo, rules: Sequence[WeeklyRange], days: Sequence[date]) -> IntervalSet:
    # Cached because most people of a salon have the same shifts, and in the next question they still do.
    by_weekday: dict[int, list[WeeklyRange]] = {}
    for rule in rules:
        by_weekday.setdefault(rule.weekday, []).append(rule)
    return merged(
        interval
        for day in days
        for rule in by_weekday.get(day.isoweekday(), ())
        if rule.applies_on(day)
        for interval in _worked(zone, day, rule)
    )


def _worked(zone: ZoneInfo, day: date, rule: WeeklyRange) -> IntervalSet:
    # One range is a set, or it covers nothing and the caller's merge drops it: no need to merge it here.
    whole = (_interval(zone, day, rule.during),)
    if not rule.breaks:
        return whole
    return subtract(whole, merged(_interval(zone, day, pause) for pause in rule.breaks))


def _interval(zone: ZoneInfo, day: date, during: LocalRange) -> Interval:
    return to_epoch(zone, day, during.start), to_epoch(zone, day, during.end)
