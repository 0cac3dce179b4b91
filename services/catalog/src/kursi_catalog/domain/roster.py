"""Which weekly schedule counts on which date.

Of the schedules that count on a date the one with the latest start wins, so that a summer schedule can lie over
the usual one and end by itself. A schedule of every other week counts in its own weeks only; in the others the
next one shows through, which is how two people share a chair in turns.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from uuid import UUID

from babel import Locale, UnknownLocaleError

from kursi_catalog.domain.hours import Availability, DayRange, WeeklyShifts
from kursi_catalog.domain.schedule import Override, StaffSchedule, TimeOff, WeeklyRange

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
    latest_first = sorted(schedules, key=lambda one: one.effective_from or date.min, reverse=True)
    for winner, run in groupby(days, lambda day: _winner(latest_first, day, first_weekday)):
        if winner is None:
            continue
        dates = list(run)
        for one in winner.shifts:
            yield WeeklyRange(
                staff_id, one.weekday, one.during, one.breaks, valid_from=dates[0], valid_to=dates[-1]
            )


def _winner(latest_first: Sequence[WeeklyShifts], day: date, first_weekday: int) -> WeeklyShifts | None:
    return next((one for one in latest_first if _counts_on(one, day, first_weekday)), None)


def _counts_on(schedule: WeeklyShifts, day: date, first_weekday: int) -> bool:
    first, last = schedule.effective_from, schedule.effective_until
    if (first and day < first) or (last and day > last):
        return False
    if first is None or schedule.every_weeks == 1:
        return True
    weeks = (_week_of(day, first_weekday) - _week_of(first, first_weekday)).days // 7
    return weeks % schedule.every_weeks == 0


def _week_of(day: date, first_weekday: int) -> date:
    """The first day of the week that the day lies in."""
    return day - timedelta(days=(day.weekday() - first_weekday) % 7)
