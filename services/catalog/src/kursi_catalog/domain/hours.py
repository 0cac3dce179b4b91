"""Hours as people write them: ranges on weekdays, schedules with dates, exceptions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from kursi_chassis.errors import Violation

from kursi_catalog.domain.prayer import PrayerBreaks
from kursi_catalog.domain.schedule import LocalRange
from kursi_catalog.domain.season import Season


@dataclass(frozen=True, slots=True)
class DayRange:
    """One range on one weekday, ISO: Monday is 1."""

    weekday: int
    during: LocalRange
    breaks: tuple[LocalRange, ...] = ()


@dataclass(frozen=True, slots=True)
class SeasonalHours:
    """When a salon is open on the dates of a season; no ranges is closed."""

    season: Season
    ranges: tuple[DayRange, ...]


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When a salon is open: week by week, in seasons of their own, and not at prayer times."""

    ranges: tuple[DayRange, ...] = ()
    seasonal: tuple[SeasonalHours, ...] = ()
    prayer_breaks: PrayerBreaks | None = None


@dataclass(frozen=True, slots=True)
class WeeklyShifts:
    """Shifts that repeat between two dates, both included; None has no bound. With a season, on its dates only."""

    effective_from: date | None
    effective_until: date | None
    every_weeks: int
    shifts: tuple[DayRange, ...]
    season: Season | None = None

    @property
    def counts_always(self) -> bool:
        """Whether it counts on every date; without a start all weeks are its own."""
        return self.effective_from is None and self.effective_until is None and self.season is None


@dataclass(frozen=True, slots=True)
class DayOverride:
    """What is worked on one date in place of the shifts; no ranges is a day off."""

    day: date
    ranges: tuple[LocalRange, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Availability:
    schedules: tuple[WeeklyShifts, ...] = ()
    overrides: tuple[DayOverride, ...] = ()


def wrong_day_ranges(field: str, ranges: Sequence[DayRange]) -> Iterator[Violation]:
    """Empty ranges, breaks that are not within theirs, and ranges of one weekday that overlap."""
    for position, one in enumerate(ranges):
        at = f"{field}[{position}]"
        if one.during.end <= one.during.start:
            yield Violation(f"{at}.end", "EMPTY_RANGE")
        for number, pause in enumerate(one.breaks):
            yield from _wrong_break(f"{at}.breaks[{number}]", pause, one.during)
        if any(
            other.weekday == one.weekday and _overlap(other.during, one.during) for other in ranges[:position]
        ):
            yield Violation(f"{at}.start", "OVERLAPS")


def wrong_opening_hours(opening: OpeningHours) -> Iterator[Violation]:
    """Everything that makes opening hours ambiguous or empty where they should not be."""
    yield from wrong_day_ranges("opening_hours.ranges", opening.ranges)
    seasons: set[Season] = set()
    for position, one in enumerate(opening.seasonal):
        at = f"opening_hours.seasonal[{position}]"
        if one.season in seasons:
            yield Violation(f"{at}.season", "DUPLICATE")
        seasons.add(one.season)
        yield from wrong_day_ranges(f"{at}.ranges", one.ranges)


def wrong_availability(availability: Availability) -> Iterator[Violation]:
    """Everything that makes an availability ambiguous or empty where it should not be."""
    starts: set[tuple[Season | None, date | None]] = set()
    for position, schedule in enumerate(availability.schedules):
        at = f"availability.schedules[{position}]"
        yield from _wrong_dates(at, schedule)
        start = (schedule.season, schedule.effective_from)
        if start in starts:
            yield Violation(f"{at}.effective_from", "DUPLICATE")
        starts.add(start)
        yield from wrong_day_ranges(f"{at}.shifts", schedule.shifts)
    days: set[date] = set()
    for position, override in enumerate(availability.overrides):
        at = f"availability.overrides[{position}]"
        if override.day in days:
            yield Violation(f"{at}.date", "DUPLICATE")
        days.add(override.day)
        yield from _wrong_ranges(f"{at}.ranges", override.ranges)


def _wrong_dates(at: str, schedule: WeeklyShifts) -> Iterator[Violation]:
    first, last = schedule.effective_from, schedule.effective_until
    if first and last and last < first:
        yield Violation(f"{at}.effective_until", "EMPTY_RANGE")
    if schedule.every_weeks > 1 and first is None:
        yield Violation(f"{at}.effective_from", "REQUIRED")


def _wrong_ranges(field: str, ranges: Sequence[LocalRange]) -> Iterator[Violation]:
    for position, one in enumerate(ranges):
        if one.end <= one.start:
            yield Violation(f"{field}[{position}].end", "EMPTY_RANGE")
        if any(_overlap(other, one) for other in ranges[:position]):
            yield Violation(f"{field}[{position}].start", "OVERLAPS")


def _wrong_break(at: str, pause: LocalRange, during: LocalRange) -> Iterator[Violation]:
    if pause.end <= pause.start:
        yield Violation(f"{at}.end", "EMPTY_RANGE")
    elif pause.start < during.start:
        yield Violation(f"{at}.start", "OUTSIDE_OF_SHIFT")
    elif pause.end > during.end:
        yield Violation(f"{at}.end", "OUTSIDE_OF_SHIFT")


def _overlap(one: LocalRange, other: LocalRange) -> bool:
    return one.start < other.end and other.start < one.end
