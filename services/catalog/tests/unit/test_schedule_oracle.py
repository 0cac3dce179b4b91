"""The schedule against an oracle that reads a clock on the wall, minute by minute, and knows no offsets."""

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_catalog.domain.schedule import (
    Closure,
    LocalRange,
    Override,
    SalonSchedule,
    StaffSchedule,
    TimeOff,
    WallTime,
    WeeklyRange,
    resolve,
)

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
        self.at = lambda day, minute: when(zone, middle, day, minute)
        self.days = [middle + timedelta(days=offset) for offset in range(-3, 3)]
        self.salon, self.member = salon, member
        overridden = {override.day for override in member.overrides}
        self.hours = self.weekly(salon.hours, self.days)
        self.shifts = self.weekly(member.shifts, [day for day in self.days if day not in overridden])
        self.dated = [(override.day, span, ()) for override in member.overrides for span in override.ranges]

    def during(self, minute, day, span):
        return self.at(day, span.start) <= minute < self.at(day, span.end)

    def weekly(self, rules, days):
        return [(day, rule.during, rule.breaks) for day in days for rule in rules if self.in_turn(rule, day)]

    def inside(self, minute, ranges):
        return any(
            self.during(minute, day, span) and not any(self.during(minute, day, pause) for pause in breaks)
            for day, span, breaks in ranges
        )

    @staticmethod
    def in_turn(rule, day):
        if rule.weekday != day.isoweekday():
            return False
        if rule.valid_from and day < rule.valid_from:
            return False
        if rule.valid_to and day > rule.valid_to:
            return False
        if rule.anchor is None:
            return True
        week_starts = {rule.anchor + timedelta(weeks=rule.every_weeks * turn) for turn in range(-6, 7)}
        return any(start <= day < start + timedelta(days=7) for start in week_starts)

    def is_closed(self, minute):
        return any(
            self.at(*closure.starts) <= minute < self.at(*closure.ends) for closure in self.salon.closures
        )

    def is_off(self, minute):
        return any(off.during[0] <= minute * 60 < off.during[1] for off in self.member.time_off)

    def is_rostered(self, minute):
        return self.inside(minute, self.dated) or self.inside(minute, self.shifts)

    def works(self, minute):
        return (
            not self.is_closed(minute)
            and not self.is_off(minute)
            and self.inside(minute, self.hours)
            and self.is_rostered(minute)
        )


MINUTE = st.integers(0, 1439)


def spans(start=MINUTE, length=MINUTE):
    return st.builds(lambda s, n: LocalRange(s, min(s + n + 1, 2880)), start, length)


NIGHT = spans(st.integers(0, 240), st.integers(1, 300))  # where the clocks change


@st.composite
def weekly_ranges(draw, middle, *, whole_day_odds=False):
    during = draw(st.just(LocalRange(0, 1440))) if whole_day_odds else draw(spans() | NIGHT)
    dates = st.none() | st.integers(-3, 3).map(lambda offset: middle + timedelta(days=offset))
    every = draw(st.integers(1, 3))
    return WeeklyRange(
        rule_id=RULE,
        weekday=(middle + timedelta(days=draw(st.integers(-2, 1)))).isoweekday(),
        during=during,
        breaks=tuple(draw(st.lists(spans(st.just(during.start), st.integers(1, 200)), max_size=1))),
        valid_from=draw(dates),
        valid_to=draw(dates),
        every_weeks=every,
        anchor=None if every == 1 else draw(st.integers(-10, 10).map(lambda n: middle + timedelta(days=n))),
    )


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
    walls = st.builds(WallTime, near, st.integers(0, 1440))
    salon = SalonSchedule(
        zone=ZoneInfo(zone),
        hours=hours,
        closures=tuple(draw(st.lists(st.builds(Closure, st.just(RULE), walls, walls), max_size=1))),
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
        time_off=tuple(
            TimeOff(RULE, (midnight + start * 60, midnight + (start + length) * 60))
            for start, length in draw(
                st.lists(st.tuples(st.integers(-1440, 1440), st.integers(1, 900)), max_size=1)
            )
        ),
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

    working = {minute for begin, end in answer for minute in range(begin // 60, end // 60)}
    assert working == {minute for minute in window if oracle.works(minute)}
    assert all(left[1] < right[0] for left, right in pairwise(answer))
