from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_catalog.domain.hours import Availability, DayRange, WeeklyShifts
from kursi_catalog.domain.roster import first_weekday_of, roster_of
from kursi_catalog.domain.schedule import LocalRange
from kursi_catalog.domain.season import Season

STAFF = UUID(int=2)
MONDAY, SUNDAY = 0, 6


def every_day(start):
    """Shifts that tell by their start which schedule they are of."""
    return tuple(DayRange(weekday, LocalRange(start, start + 60)) for weekday in range(1, 8))


def shifts(start, first=None, last=None, every_weeks=1):
    return WeeklyShifts(first, last, every_weeks, every_day(start))


def in_force(schedules, day, days=28, first_weekday=SUNDAY):
    """By date, the starts of the shifts that apply."""
    dates = [day + timedelta(days=offset) for offset in range(days)]
    roster = roster_of(STAFF, Availability(tuple(schedules)), (), dates, first_weekday)
    return {
        date_: [shift.during.start for shift in roster.shifts if shift.applies_on(date_)] for date_ in dates
    }


@pytest.mark.covers("C5")
def test_a_week_begins_where_the_country_says():
    assert [first_weekday_of(code) for code in ("SA", "DE", "US", "", "XX")] == [
        SUNDAY, MONDAY, SUNDAY, MONDAY, MONDAY,
    ]  # fmt: skip


@pytest.mark.covers("C5")
def test_every_other_week_counts_from_the_week_of_its_start():
    wednesday = date(2026, 6, 10)
    applied = in_force([shifts(60, wednesday, every_weeks=2)], date(2026, 6, 7), days=21)
    worked = [day.day for day, starts in applied.items() if starts]
    assert worked == [10, 11, 12, 13, 21, 22, 23, 24, 25, 26, 27]


@pytest.mark.covers("C5")
def test_the_only_schedule_ends_on_its_last_day():
    applied = in_force([shifts(60, last=date(2026, 6, 9))], date(2026, 6, 7), days=5)
    assert [day.day for day, starts in applied.items() if starts] == [7, 8, 9]


@pytest.mark.covers("C5")
def test_weeks_take_turns_within_a_season_too():
    """Ramadan of 2026 is from 18 February to 19 March."""
    wednesday = date(2026, 2, 18)
    turns = WeeklyShifts(wednesday, None, 2, every_day(60), Season.RAMADAN)
    applied = in_force([turns], date(2026, 2, 15), days=35)
    worked = [(day.month, day.day) for day, starts in applied.items() if starts]
    assert worked == [
        *((2, day) for day in range(18, 22)), *((3, day) for day in range(1, 8)), *((3, day) for day in range(15, 20)),
    ]  # fmt: skip


schedule_lists = st.lists(
    st.builds(
        lambda number, first, length, weeks: (number, date(2026, 6, 1) + timedelta(days=first), length, weeks),
        st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(1, 3),
    ),
    max_size=5,
    unique_by=lambda one: one[1],
)  # fmt: skip


@pytest.mark.covers("C5")
@given(schedule_lists, st.booleans())
def test_on_each_date_the_latest_start_that_counts_wins(wanted, with_usual):
    schedules = [
        shifts(60 + number, first, first + timedelta(days=length), weeks)
        for number, first, length, weeks in wanted
    ] + [shifts(1, None)] * with_usual
    for day, starts in in_force(schedules, date(2026, 6, 1)).items():
        counting = [one for one in schedules if counts(one, day)]
        latest = max(counting, key=lambda one: one.effective_from or date.min, default=None)
        assert starts == ([latest.shifts[0].during.start] if latest else [])


def counts(schedule, day):
    """The rule, said another way: step from week to week from the first one."""
    first, last = schedule.effective_from, schedule.effective_until
    if first is None:
        return True
    if not first <= day <= last:
        return False
    week = first
    while week.isoweekday() != 7:
        week -= timedelta(days=1)
    while week + timedelta(days=7) <= day:
        week += timedelta(weeks=schedule.every_weeks)
    return week <= day
