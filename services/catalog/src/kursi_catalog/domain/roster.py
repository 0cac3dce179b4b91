"""Which weekly schedule and which opening hours count on which date.

Of the schedules that count on a date one of the date's season wins over the others, then the one with the latest
start, so that a summer schedule can lie over the usual one and end by itself. A schedule of every other week counts
in its own weeks only; in the others the next one shows through, which is how two people share a chair in turns.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import TypeVar
from uuid import UUID

from babel import Locale, UnknownLocaleError

from kursi_catalog.domain.hours import Availability, DayRange, OpeningHours, WeeklyShifts
from kursi_catalog.domain.schedule import Override, StaffSchedule, TimeOff, WeeklyRange
from kursi_catalog.domain.season import Season, season_of

K = TypeVar("K")

_MONDAY = 0


def roster_of(
    staff_id: UUID,
    availability: Availability,
    time_off: Sequence[TimeOff],
    days: Sequence[date],
    first_weekday: int,
) -> StaffSchedule:
    """What `schedule.resolve` needs to know of one staff member, for these dates only.

    Args:
        staff_id: Whose it is.
        availability: Schedules and overrides as written.
        time_off: Absences.
        days: The local dates that matter, in order.
        first_weekday: The day on which a week starts in the salon's country; Monday is 0.
    """
    wanted = set(days)
    return StaffSchedule(
        staff_id,
        shifts=tuple(_shifts_in_force(staff_id, availability.schedules, days, first_weekday)),
        overrides=tuple(
            Override(staff_id, override.day, override.ranges)
            for override in availability.overrides
            if override.day in wanted
        ),
        time_off=tuple(time_off),
    )


def weekly(rule_id: UUID, ranges: Sequence[DayRange]) -> tuple[WeeklyRange, ...]:
    """Ranges that count every week, for good."""
    return tuple(WeeklyRange(rule_id, one.weekday, one.during, one.breaks) for one in ranges)


def opening_of(rule_id: UUID, opening: OpeningHours, days: Sequence[date]) -> tuple[WeeklyRange, ...]:
    """The opening hours in force on these dates: the season's where it has its own, the usual ones elsewhere."""
    if not opening.seasonal:
        return weekly(rule_id, opening.ranges)
    seasonal = {one.season: one.ranges for one in opening.seasonal}
    return tuple(
        WeeklyRange(
            rule_id,
            one.weekday,
            one.during,
            one.breaks,
            valid_from=dates[0],
            valid_to=dates[-1],
        )
        for season, dates in _runs(days, lambda day: _season_in(seasonal, day))
        for one in (opening.ranges if season is None else seasonal[season])
    )


def _season_in(seasonal: Collection[Season], day: date) -> Season | None:
    season = season_of(day)
    return season if season in seasonal else None


@lru_cache(maxsize=512)
def first_weekday_of(territory_code: str) -> int:
    """The day on which a week starts in a country, Monday is 0; Monday where nobody knows better."""
    try:
        return int(Locale.parse(f"und_{territory_code}").first_week_day) if territory_code else _MONDAY
    except UnknownLocaleError:
        return _MONDAY


def _shifts_in_force(
    staff_id: UUID, schedules: Sequence[WeeklyShifts], days: Sequence[date], first_weekday: int
) -> Iterator[WeeklyRange]:
    for winner, dates in _winners(schedules, days, first_weekday):
        if winner is None:
            continue
        for one in winner.shifts:
            yield WeeklyRange(
                staff_id, one.weekday, one.during, one.breaks,
                valid_from=dates[0], valid_to=dates[-1],
            )  # fmt: skip


def _winners(
    schedules: Sequence[WeeklyShifts], days: Sequence[date], first_weekday: int
) -> Iterable[tuple[WeeklyShifts | None, Sequence[date]]]:
    if days and len(schedules) == 1 and schedules[0].counts_always:
        # As nearly everybody's: not asked day by day.
        return [(schedules[0], days)]
    ranked = sorted(schedules, key=_precedence, reverse=True)
    return _runs(days, lambda day: _winner(ranked, day, first_weekday))


def _precedence(schedule: WeeklyShifts) -> tuple[bool, date]:
    return schedule.season is not None, schedule.effective_from or date.min


def _runs(days: Sequence[date], rule: Callable[[date], K]) -> Iterator[tuple[K, Sequence[date]]]:
    """Stretches of dates on which the same rule counts."""
    for found, run in groupby(days, rule):
        yield found, list(run)


def _winner(ranked: Sequence[WeeklyShifts], day: date, first_weekday: int) -> WeeklyShifts | None:
    return next((one for one in ranked if _counts_on(one, day, first_weekday)), None)


def _counts_on(schedule: WeeklyShifts, day: date, first_weekday: int) -> bool:
    first, last = schedule.effective_from, schedule.effective_until
    if (first and day < first) or (last and day > last):
        return False
    if schedule.season is not None and schedule.season is not season_of(day):
        return False
    if first is None or schedule.every_weeks == 1:
        return True
    weeks = (_week_of(day, first_weekday) - _week_of(first, first_weekday)).days // 7
    return weeks % schedule.every_weeks == 0


def _week_of(day: date, first_weekday: int) -> date:
    """The first day of the week that the day lies in."""
    return day - timedelta(days=(day.weekday() - first_weekday) % 7)
