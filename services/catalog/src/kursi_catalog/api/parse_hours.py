"""Hours and availability as callers send them."""

import re
from collections.abc import Mapping, Sequence

from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.validation import Violations

from kursi_catalog.api.parse_prayer import prayer_breaks
from kursi_catalog.api.reading import choice, local_date
from kursi_catalog.domain.hours import (
    Availability,
    DayOverride,
    DayRange,
    OpeningHours,
    SeasonalHours,
    WeeklyShifts,
)
from kursi_catalog.domain.schedule import LATEST_MINUTE, MINUTES_PER_DAY, LocalRange
from kursi_catalog.domain.season import Season

_TIME = re.compile(r"(\d{2}):([0-5]\d)")
_MOST_RANGES, _MOST_BREAKS, _MOST_SCHEDULES, _MOST_OVERRIDES, _MOST_OF_A_DATE = 50, 8, 12, 400, 50
_MOST_SEASONS = 10
_LAST_START = MINUTES_PER_DAY - 1

SEASON: Mapping[int, Season] = {pb.RAMADAN: Season.RAMADAN}


def day_ranges(check: Violations, field: str, ranges: Sequence[pb.DayRange]) -> tuple[DayRange, ...]:
    """Ranges on weekdays; how they fit together is the domain's to judge."""
    check.count(field, ranges, _MOST_RANGES)
    return tuple(
        _day_range(check, f"{field}[{position}]", one) for position, one in enumerate(ranges[:_MOST_RANGES])
    )


def opening_hours(check: Violations, message: pb.OpeningHours) -> OpeningHours:
    """Hours of the week, of seasons, and prayer breaks."""
    seasonal = "opening_hours.seasonal"
    check.count(seasonal, message.seasonal, _MOST_SEASONS)
    return OpeningHours(
        day_ranges(check, "opening_hours.ranges", message.ranges),
        tuple(
            SeasonalHours(
                choice(check, f"{seasonal}[{position}].season", one.season, SEASON),
                day_ranges(check, f"{seasonal}[{position}].ranges", one.ranges),
            )
            for position, one in enumerate(message.seasonal[:_MOST_SEASONS])
        ),
        prayer_breaks(check, "opening_hours.prayer_breaks", message.prayer_breaks)
        if message.HasField("prayer_breaks")
        else None,
    )


def availability(check: Violations, message: pb.Availability) -> Availability:
    """Schedules and overrides."""
    schedules, overrides = "availability.schedules", "availability.overrides"
    check.count(schedules, message.schedules, _MOST_SCHEDULES)
    check.count(overrides, message.overrides, _MOST_OVERRIDES)
    return Availability(
        tuple(
            _schedule(check, f"{schedules}[{position}]", one)
            for position, one in enumerate(message.schedules[:_MOST_SCHEDULES])
        ),
        tuple(
            _override(check, f"{overrides}[{position}]", one)
            for position, one in enumerate(message.overrides[:_MOST_OVERRIDES])
        ),
    )


def _schedule(check: Violations, field: str, one: pb.WeeklySchedule) -> WeeklyShifts:
    first, last = one.effective_from, one.effective_until
    return WeeklyShifts(
        local_date(check, f"{field}.effective_from", first) if first else None,
        local_date(check, f"{field}.effective_until", last) if last else None,
        check.integer(f"{field}.every_weeks", one.every_weeks, 0, 8) or 1,
        day_ranges(check, f"{field}.shifts", one.shifts),
        choice(check, f"{field}.season", one.season, SEASON) if one.season else None,
    )


def _override(check: Violations, field: str, one: pb.DateOverride) -> DayOverride:
    return DayOverride(
        local_date(check, f"{field}.date", one.date),
        _ranges(check, f"{field}.ranges", one.ranges, _MOST_OF_A_DATE),
        check.text(f"{field}.reason", one.reason, 200),
    )


def _day_range(check: Violations, field: str, one: pb.DayRange) -> DayRange:
    if not 1 <= one.day <= 7:
        check.add(f"{field}.day", "UNKNOWN_VALUE")
    start = local_time(check, f"{field}.start", one.start, _LAST_START)
    end = local_time(check, f"{field}.end", one.end, LATEST_MINUTE)
    breaks = _ranges(check, f"{field}.breaks", one.breaks, _MOST_BREAKS, latest_start=LATEST_MINUTE - 1)
    return DayRange(one.day, LocalRange(start, end), breaks)


def _ranges(
    check: Violations, field: str, ranges: Sequence[pb.LocalRange], most: int, latest_start: int = _LAST_START
) -> tuple[LocalRange, ...]:
    """Ranges of one date. The break of a night shift may itself begin after midnight (`25:00`)."""
    check.count(field, ranges, most)
    return tuple(
        LocalRange(
            local_time(check, f"{field}[{position}].start", one.start, latest_start),
            local_time(check, f"{field}[{position}].end", one.end, LATEST_MINUTE),
        )
        for position, one in enumerate(ranges[:most])
    )


def local_time(check: Violations, field: str, value: str, latest: int) -> int:
    """Minutes after midnight out of `HH:MM`, up to the latest; zero stands in for anything else."""
    match = _TIME.fullmatch(value)
    minute = int(match[1]) * 60 + int(match[2]) if match else latest + 1
    if minute > latest:
        check.add(field, "NOT_A_TIME")
        return 0
    return minute
