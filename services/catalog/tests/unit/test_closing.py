"""Which rule closes a time: one case per rule, by the rules of one salon and one staff member."""

from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from kursi_catalog.api.explanation import RULES
from kursi_catalog.domain.closing import ClosedBy, Closing, Situation, closing_of
from kursi_catalog.domain.prayer import Prayer, PrayerBreaks, Rules
from kursi_catalog.domain.salon import Location
from kursi_catalog.domain.schedule import (
    LocalRange,
    Override,
    SalonSchedule,
    StaffSchedule,
    TimeOff,
    WeeklyRange,
)

RIYADH = ZoneInfo("Asia/Riyadh")
SALON, STAFF, ROW = UUID(int=1), UUID(int=2), UUID(int=3)
MONDAY = date(2026, 6, 8)
HOUR = 60


def at(hour, minute=0, day=MONDAY):
    midnight = datetime(day.year, day.month, day.day, tzinfo=RIYADH)
    return int((midnight + timedelta(hours=hour, minutes=minute)).timestamp())


def span(start, end):
    return at(start), at(end)


def weekly(start, end, *breaks, weekdays=range(1, 7)):
    pauses = tuple(LocalRange(first * HOUR, last * HOUR) for first, last in breaks)
    return tuple(
        WeeklyRange(STAFF, weekday, LocalRange(start * HOUR, end * HOUR), pauses) for weekday in weekdays
    )


def closing(window, *, hours=None, closures=(), shifts=None, overrides=(), time_off=(), prayers=None):
    """Open 8 to 22 but for 16 to 17, everybody at work 9 to 20 but for 12 to 13, Sundays free, unless told otherwise."""
    salon = SalonSchedule(
        RIYADH,
        hours=weekly(8, 22, (16, 17)) if hours is None else hours,
        prayer_breaks=prayers,
        location=Location(24.7, 46.7),
    )
    member = StaffSchedule(STAFF, weekly(9, 20, (12, 13)) if shifts is None else shifts, overrides, time_off)
    return closing_of(Situation(SALON, salon, closures, member, window))


AWAY = TimeOff(ROW, span(10, 11))
SHORT_DAY = Override(STAFF, MONDAY, (LocalRange(9 * HOUR, 10 * HOUR),))
NIGHTS = weekly(20, 28, weekdays=(7,))
ALWAYS_OPEN = weekly(0, 24, weekdays=range(1, 8))
SUNDAY_OFF = Override(STAFF, MONDAY - timedelta(days=1))
DHUHR = PrayerBreaks(Rules(), (Prayer.DHUHR,), timedelta(0), timedelta(minutes=30))

CASES = {
    ClosedBy.CLOSURE: [(span(10, 11), {"closures": (AWAY,)}, ROW, span(10, 11))],
    ClosedBy.OPENING_HOURS: [(span(7, 8), {}, SALON, span(-26, 8))],
    ClosedBy.OPENING_BREAK: [(span(15, 17), {}, SALON, span(16, 17))],
    ClosedBy.TIME_OFF: [(span(9, 11), {"time_off": (AWAY,)}, ROW, span(10, 11))],
    ClosedBy.OVERRIDE: [(span(9, 11), {"overrides": (SHORT_DAY,)}, STAFF, None)],
    ClosedBy.ROSTER: [
        (span(8, 9), {}, STAFF, span(-28, 9)),
        (span(10, 11), {"shifts": ()}, STAFF, None),
    ],
    ClosedBy.BREAK: [(span(11, 13), {}, STAFF, span(12, 13))],
}


@pytest.mark.covers("B3")
@pytest.mark.parametrize(
    ("rule", "window", "situation", "row_id", "during"),
    [(rule, *case) for rule, cases in CASES.items() for case in cases],
    ids=lambda value: getattr(value, "value", None),
)
def test_each_rule_closes_by_its_name_with_its_row(rule, window, situation, row_id, during):
    assert closing(window, **situation) == Closing(rule, row_id, MONDAY, during)


@pytest.mark.covers("B3")
def test_a_prayer_break_closes_whatever_the_shifts_say():
    found = closing(span(11, 13), shifts=weekly(9, 20), prayers=DHUHR)
    assert (found.rule, found.row_id, found.day) == (ClosedBy.PRAYER_BREAK, SALON, MONDAY)
    assert found.during[1] - found.during[0] == 30 * 60


def test_every_rule_has_a_case_and_a_name_on_the_wire():
    assert {*CASES, ClosedBy.PRAYER_BREAK} == set(ClosedBy) == set(RULES)


def test_nothing_closes_working_time():
    assert closing(span(9, 12)) is None


def test_what_only_touches_a_time_does_not_close_it():
    away = {"time_off": (AWAY,), "closures": (AWAY,)}
    assert closing(span(9, 10), **away) is None
    assert closing(span(11, 12), **away) is None


def test_a_rule_of_the_whole_salon_is_told_before_one_of_a_person():
    everything = {"closures": (AWAY,), "time_off": (AWAY,), "overrides": (SHORT_DAY,), "hours": ()}
    assert closing(span(10, 11), **everything).rule is ClosedBy.CLOSURE
    assert closing(span(10, 11), **{**everything, "closures": ()}).rule is ClosedBy.OPENING_HOURS


def test_an_override_is_to_blame_for_the_hours_after_midnight_of_the_shift_it_replaces():
    found = closing(span(1, 2), hours=ALWAYS_OPEN, shifts=NIGHTS, overrides=(SUNDAY_OFF,))
    assert found == Closing(ClosedBy.OVERRIDE, STAFF, MONDAY - timedelta(days=1))
    assert closing(span(1, 2), hours=ALWAYS_OPEN, shifts=NIGHTS) is None


def test_of_several_times_away_the_first_one_is_named_whatever_their_order():
    later, earlier = TimeOff(UUID(int=4), span(11, 12)), TimeOff(ROW, span(9, 10))
    for absences in ((later, earlier), (earlier, later)):
        assert closing(span(9, 12), time_off=absences).row_id == ROW
        assert closing(span(9, 12), closures=absences).during == span(9, 10)


def test_what_began_on_another_day_closes_the_day_that_was_asked_for():
    long = TimeOff(ROW, span(-30, 30))
    assert closing(span(10, 11), time_off=(long,)) == Closing(ClosedBy.TIME_OFF, ROW, MONDAY, span(-30, 30))
    assert closing(span(10, 11), closures=(long,)).day == MONDAY


def test_a_prayer_break_after_midnight_closes_its_own_day():
    fajr = PrayerBreaks(Rules(), (Prayer.FAJR,), timedelta(0), timedelta(minutes=30))
    nights = weekly(20, 30, weekdays=range(1, 8))
    found = closing(span(-2, 5), hours=ALWAYS_OPEN, shifts=nights, prayers=fajr)
    assert (found.rule, found.day) == (ClosedBy.PRAYER_BREAK, MONDAY)


def test_a_day_is_that_of_the_salons_clock():
    """Between midnight and three in Riyadh it is still the day before in UTC."""
    found = closing(span(1, 2), hours=ALWAYS_OPEN)
    assert (found.rule, found.day) == (ClosedBy.ROSTER, MONDAY)


def test_a_short_break_is_told_from_its_beginning_to_its_end():
    half = LocalRange(12 * HOUR, 12 * HOUR + 30)
    shifts = tuple(
        WeeklyRange(STAFF, weekday, LocalRange(9 * HOUR, 20 * HOUR), (half,)) for weekday in range(1, 7)
    )
    found = closing(span(11, 14), shifts=shifts)
    assert (found.rule, found.during) == (ClosedBy.BREAK, (at(12), at(12, 30)))


def test_a_prayer_is_told_before_a_time_away():
    noon = TimeOff(ROW, span(11, 13))
    assert closing(span(11, 13), time_off=(noon,), prayers=DHUHR).rule is ClosedBy.PRAYER_BREAK


def test_an_override_of_yesterday_is_not_to_blame_where_its_usual_shift_would_be_over():
    days = weekly(9, 20, weekdays=range(1, 8))
    found = closing(span(1, 2), hours=ALWAYS_OPEN, shifts=days, overrides=(SUNDAY_OFF,))
    assert (found.rule, found.day) == (ClosedBy.ROSTER, MONDAY)
