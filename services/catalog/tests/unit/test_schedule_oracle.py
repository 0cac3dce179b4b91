"""The schedule against an oracle that reads a clock on the wall, minute by minute, and knows no offsets."""

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_catalog.domain.closing import ClosedBy, Situation, closing_of
from kursi_catalog.domain.hours import Availability, DayRange, OpeningHours, SeasonalHours, WeeklyShifts
from kursi_catalog.domain.prayer import Method, Prayer, PrayerBreaks, Rules, times_of
from kursi_catalog.domain.roster import opening_of, roster_of
from kursi_catalog.domain.salon import Location
from kursi_catalog.domain.schedule import (
    LocalRange,
    Override,
    SalonSchedule,
    StaffSchedule,
    TimeOff,
    WeeklyRange,
    open_time,
    resolve,
)
from kursi_catalog.domain.season import Season

RULE = UUID(int=1)
STAFF = UUID(int=2)
# A week around each change: the middle day has 23 or 25 hours (Riyadh has neither).
AROUND = {
    "Europe/Berlin gap": ("Europe/Berlin", date(2026, 3, 29)),
    "Europe/Berlin fold": ("Europe/Berlin", date(2026, 10, 25)),
    "America/New_York gap": ("America/New_York", date(2026, 3, 8)),
    "America/New_York fold": ("America/New_York", date(2026, 11, 1)),
    "Asia/Riyadh": ("Asia/Riyadh", date(2026, 3, 29)),
}
PLACES = {
    "Europe/Berlin": Location(52.52, 13.405),
    "America/New_York": Location(40.7128, -74.006),
    "Asia/Riyadh": Location(24.7136, 46.6753),
}


@lru_cache
def clock(zone, middle):
    """What a clock in the zone shows at each UTC minute of nine days: epoch minute -> naive local time."""
    start = datetime(middle.year, middle.month, middle.day, tzinfo=UTC) - timedelta(days=5)
    return {
        int(moment.timestamp()) // 60: moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        for moment in (start + timedelta(minutes=offset) for offset in range(10 * 1440))
    }


@lru_cache
def first_shown(zone, middle):
    """Local time -> the first UTC minute at which the clock shows it."""
    shown = {}
    for minute, local in clock(zone, middle).items():
        shown.setdefault(local, minute)
    return shown


@cache
def when(zone, middle, day, minute):
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    shown = first_shown(zone, middle)
    skipped = 0
    while local not in shown:  # the clock jumped over it: count on from the last time that it did show
        local -= timedelta(minutes=1)
        skipped += 1
    return shown[local] + skipped


class Oracle:
    def __init__(self, zone, middle, salon, member):
        self.minutes = lambda day, span: range(
            *(when(zone, middle, day, at) for at in (span.start, span.end))
        )
        self.days = [middle + timedelta(days=offset) for offset in range(-3, 3)]
        self.salon, self.member = salon, member
        overridden = {override.day for override in member.overrides}
        self.hours = self.weekly(salon.hours, self.days)
        self.shifts = self.weekly(member.shifts, [day for day in self.days if day not in overridden])
        self.dated = [
            (self.minutes(override.day, span), [])
            for override in member.overrides
            for span in override.ranges
        ]
        self.prayers = list(self.prayer_seconds())

    def weekly(self, rules, days):
        return [
            (self.minutes(day, rule.during), [self.minutes(day, pause) for pause in rule.breaks])
            for day in days
            for rule in rules
            if self.in_turn(rule, day)
        ]

    def prayer_seconds(self):
        breaks = self.salon.prayer_breaks
        for day in self.days if breaks else ():
            times = times_of(self.salon.location, breaks.rules, day)
            for one in breaks.prayers if times else ():
                yield range(times[one] - breaks.before.seconds, times[one] + breaks.after.seconds)

    @staticmethod
    def inside(minute, ranges):
        return any(
            minute in during and not any(minute in pause for pause in breaks) for during, breaks in ranges
        )

    @staticmethod
    def in_turn(rule, day):
        if rule.weekday != day.isoweekday():
            return False
        if rule.valid_from and day < rule.valid_from:
            return False
        return not (rule.valid_to and day > rule.valid_to)

    def is_closed(self, minute):
        return any(start <= minute * 60 < end for start, end in self.salon.closures)

    def is_prayer(self, minute):
        return any(minute * 60 in during for during in self.prayers)

    def is_off(self, minute):
        return any(off.during[0] <= minute * 60 < off.during[1] for off in self.member.time_off)

    def is_rostered(self, minute):
        return self.inside(minute, self.dated) or self.inside(minute, self.shifts)

    def is_open(self, minute):
        return not self.is_closed(minute) and not self.is_prayer(minute) and self.inside(minute, self.hours)

    def works(self, minute):
        return self.is_open(minute) and not self.is_off(minute) and self.is_rostered(minute)

    def first_rule(self, minute):
        """Which rule closes the minute, each looked at by itself; None when the member works."""
        if self.is_closed(minute):
            return {ClosedBy.CLOSURE}
        if not self.inside(minute, self.hours):
            return {ClosedBy.OPENING_HOURS, ClosedBy.OPENING_BREAK}
        if self.is_prayer(minute):
            return {ClosedBy.PRAYER_BREAK}
        if self.is_off(minute):
            return {ClosedBy.TIME_OFF}
        if not self.is_rostered(minute):
            return {ClosedBy.OVERRIDE, ClosedBy.ROSTER, ClosedBy.BREAK}
        return {None}


MINUTE = st.integers(0, 1439)


def spans(start=MINUTE, length=MINUTE):
    return st.builds(lambda s, n: LocalRange(s, min(s + n + 1, 2880)), start, length)


NIGHT = spans(st.integers(0, 240), st.integers(1, 300))  # where the clocks change


BREAKS = st.builds(
    PrayerBreaks,
    st.builds(Rules, st.sampled_from(Method)),
    st.lists(st.sampled_from(Prayer), min_size=1, max_size=5, unique=True).map(tuple),
    st.integers(0, 60).map(lambda n: timedelta(minutes=n)),
    st.integers(1, 120).map(lambda n: timedelta(minutes=n)),
)


@st.composite
def weekly_ranges(draw, middle, *, whole_day_odds=False):
    during = draw(st.just(LocalRange(0, 1440))) if whole_day_odds else draw(spans() | NIGHT)
    dates = st.none() | st.integers(-3, 3).map(lambda offset: middle + timedelta(days=offset))
    return WeeklyRange(
        rule_id=RULE,
        weekday=(middle + timedelta(days=draw(st.integers(-2, 1)))).isoweekday(),
        during=during,
        breaks=tuple(draw(st.lists(spans(st.just(during.start), st.integers(1, 200)), max_size=1))),
        valid_from=draw(dates),
        valid_to=draw(dates),
    )


def away(draw, midnight):
    """At most one stretch of minutes around a midnight."""
    found = draw(st.lists(st.tuples(st.integers(-1440, 1440), st.integers(1, 900)), max_size=1))
    return tuple((midnight + start * 60, midnight + (start + length) * 60) for start, length in found)


@st.composite
def situations(draw):
    zone, middle = AROUND[draw(st.sampled_from(sorted(AROUND)))]
    near = st.integers(-1, 1).map(lambda offset: middle + timedelta(days=offset))
    midnight = int(datetime(middle.year, middle.month, middle.day, tzinfo=UTC).timestamp())
    hours = tuple(
        WeeklyRange(RULE, (middle + timedelta(days=offset)).isoweekday(), LocalRange(0, 1440))
        for offset in (-2, -1, 0, 1)
    )
    if draw(st.booleans()):
        hours = tuple(draw(st.lists(weekly_ranges(middle), min_size=1, max_size=4)))
    salon = SalonSchedule(
        zone=ZoneInfo(zone),
        hours=hours,
        closures=away(draw, midnight),
        prayer_breaks=draw(st.none() | BREAKS),
        location=PLACES[zone],
    )
    member = StaffSchedule(
        staff_id=STAFF,
        shifts=tuple(draw(st.lists(weekly_ranges(middle), min_size=1, max_size=4))),
        overrides=tuple(
            {
                day: Override(RULE, day, tuple(ranges))
                for day, ranges in draw(
                    st.lists(st.tuples(near, st.lists(spans() | NIGHT, max_size=2)), max_size=2)
                )
            }.values()
        ),
        time_off=tuple(TimeOff(RULE, during) for during in away(draw, midnight)),
    )
    return zone, middle, salon, member


@pytest.mark.covers("C5")
@settings(max_examples=120, deadline=None)
@given(situations())
def test_resolved_intervals_equal_a_clock_read_minute_by_minute(situation):
    zone, middle, salon, member = situation
    oracle = Oracle(zone, middle, salon, member)
    start = datetime(middle.year, middle.month, middle.day, tzinfo=UTC) - timedelta(hours=6)
    first = int(start.timestamp()) // 60
    window = range(first, first + 36 * 60)

    answer = resolve(salon, [member], start, start + timedelta(hours=36))[STAFF]

    opened = open_time(salon, start, start + timedelta(hours=36))

    assert minutes_of(answer) == {minute for minute in window if oracle.works(minute)}
    assert minutes_of(opened) == {minute for minute in window if oracle.is_open(minute)}
    assert all(left[1] < right[0] for left, right in (*pairwise(answer), *pairwise(opened)))


def minutes_of(intervals):
    return {minute for begin, end in intervals for minute in range(begin // 60, end // 60)}


# Ramadan of 1447 is 18 February to 19 March 2026.
RAMADAN = {date(2026, 2, 18) + timedelta(days=offset) for offset in range(30)}
WEEK = st.lists(st.tuples(st.integers(1, 7), spans()), max_size=5, unique_by=lambda one: one[0]).map(
    lambda ranges: tuple(DayRange(weekday, during) for weekday, during in ranges)
)


@pytest.mark.covers("C5")
@settings(max_examples=60, deadline=None)
@given(WEEK, WEEK, WEEK, WEEK, st.sampled_from([date(2026, 2, 18), date(2026, 3, 20), date(2026, 3, 5)]))
def test_ramadan_hours_and_shifts_equal_a_calendar_read_day_by_day(usual, own, shifts, fasting, middle):
    days = [middle + timedelta(days=offset) for offset in range(-4, 4)]
    opening = OpeningHours(usual, (SeasonalHours(Season.RAMADAN, own),))
    # The later start would win, were it not for the season.
    late = WeeklyShifts(date(2026, 1, 1), None, 1, shifts)
    availability = Availability((WeeklyShifts(None, None, 1, fasting, Season.RAMADAN), late))
    salon = SalonSchedule(ZoneInfo("Asia/Riyadh"), opening_of(RULE, opening, days))
    member = roster_of(STAFF, availability, (), days, 6)
    start = datetime(middle.year, middle.month, middle.day, tzinfo=UTC)
    first = int(start.timestamp()) // 60

    answer = resolve(salon, [member], start, start + timedelta(days=2))[STAFF]

    def covered(minute, everyday, in_ramadan):
        return any(
            when("Asia/Riyadh", middle, day, one.during.start)
            <= minute
            < when("Asia/Riyadh", middle, day, one.during.end)
            for day in days[1:7]
            for one in (in_ramadan if day in RAMADAN else everyday)
            if one.weekday == day.isoweekday()
        )

    assert minutes_of(answer) == {
        minute
        for minute in range(first, first + 2 * 1440)
        if covered(minute, usual, own) and covered(minute, shifts, fasting)
    }


@pytest.mark.covers("B3")
@settings(max_examples=60, deadline=None)
@given(situations(), st.integers(0, 36 * 60 - 1), st.integers(1, 180))
def test_nothing_closes_exactly_what_is_worked_and_each_minute_is_closed_by_its_first_rule(
    situation, offset, length
):
    zone, middle, salon, member = situation
    oracle = Oracle(zone, middle, salon, member)
    first = int(datetime(middle.year, middle.month, middle.day, tzinfo=UTC).timestamp()) // 60 - 360 + offset
    closures = [TimeOff(RULE, during) for during in salon.closures]

    def closed(start, end):
        closing = closing_of(Situation(UUID(int=3), salon, closures, member, (start * 60, end * 60)))
        return closing.rule if closing else None

    assert closed(first, first + 1) in oracle.first_rule(first)
    assert (closed(first, first + length) is None) == all(
        oracle.works(minute) for minute in range(first, first + length)
    )
