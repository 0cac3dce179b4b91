"""When the visits of a series start: the same time on the salon's clock, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_booking.domain.recurrence import Recurrence
from kursi_chassis.grpc.times import EARLIEST, LATEST

ZONES = ["Africa/Cairo", "America/New_York", "Australia/Lord_Howe"]
"""Three zones that change their clocks, at midnight, at two, and by half an hour."""

zones = st.sampled_from(ZONES).map(ZoneInfo)
starts = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(
    lambda moment: moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0, tzinfo=UTC)
)
weeks = st.integers(1, 12)
counts = st.integers(2, 52)


def occurrences(zone, local):
    """Every instant at which the clock of the zone shows this time, by trying each quarter of an hour around it."""
    around = local.replace(tzinfo=UTC) - timedelta(hours=30)
    tried = (around + number * timedelta(minutes=15) for number in range(4 * 60))
    return [one for one in tried if one.astimezone(zone).replace(tzinfo=None) == local]


def wall(instant, zone):
    return instant.astimezone(zone).replace(tzinfo=None)


@pytest.mark.covers("B11")
@given(zone=zones, first=starts, every=weeks, count=counts)
def test_each_start_shows_the_wall_clock_time_of_the_first_or_the_skipped_time_moved_forward(
    zone, first, every, count
):
    found = Recurrence(first, every, count=count).starts(zone)
    assert len(found) == count
    assert found[0] == first
    expected = [wall(first, zone) + number * timedelta(weeks=every) for number in range(count)]
    shown = [wall(start, zone) for start in found]
    for wanted, got, start in zip(expected[1:], shown[1:], found[1:], strict=True):
        there = occurrences(zone, wanted)
        # A time that exists is kept, the first of two; one that is skipped moves forward by what the clock skips.
        assert start == there[0] if there else timedelta(0) < got - wanted <= timedelta(hours=1)


@pytest.mark.covers("B11")
@given(zone=zones, first=starts, every=weeks, days=st.integers(0, 364))
def test_until_a_date_is_the_visits_up_to_and_on_that_date_of_the_salon(zone, first, every, days):
    last = (wall(first, zone) + timedelta(days=days)).date()
    by_count = Recurrence(first, every, count=53).starts(zone)
    wanted = [wall(first, zone) + number * timedelta(weeks=every) for number in range(53)]
    kept = [start for start, local in zip(by_count, wanted, strict=True) if local.date() <= last]
    assert list(Recurrence(first, every, until=last).starts(zone)) == kept


GAP = ("America/New_York", datetime(2026, 3, 1, 7, 30, tzinfo=UTC), "2026-03-08T03:30:00-04:00")
FOLD = ("America/New_York", datetime(2026, 10, 25, 5, 30, tzinfo=UTC), "2026-11-01T01:30:00-04:00")
ACROSS = ("Africa/Cairo", datetime(2026, 4, 23, 13, 0, tzinfo=UTC), "2026-04-30T15:00:00+03:00")
ISLAND = ("Australia/Lord_Howe", datetime(2026, 9, 26, 15, 45, tzinfo=UTC), "2026-10-04T02:45:00+11:00")


@pytest.mark.covers("B11")
@pytest.mark.parametrize(("zone", "first", "second"), [GAP, FOLD, ACROSS, ISLAND])
def test_the_second_visit_when_the_clocks_change_between(zone, first, second):
    found = Recurrence(first, 1, count=2).starts(ZoneInfo(zone))
    assert found[1].astimezone(ZoneInfo(zone)).isoformat() == second


def test_the_first_start_stays_the_second_of_two_equal_times_when_that_was_asked_for():
    zone, second_time = ZoneInfo("America/New_York"), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    found = Recurrence(second_time, 52, count=2).starts(zone)
    assert [start.astimezone(zone).isoformat() for start in found] == [
        "2026-11-01T01:30:00-05:00",
        "2027-10-31T01:30:00-04:00",
    ]


def test_a_date_before_the_first_visit_leaves_none():
    first = datetime(2026, 3, 16, 13, 0, tzinfo=UTC)
    assert Recurrence(first, 1, until=date(2026, 3, 15)).starts(ZoneInfo("Asia/Riyadh")) == ()


def test_an_endless_series_stops_one_after_the_most_that_are_allowed():
    first = datetime(2026, 3, 16, 13, 0, tzinfo=UTC)
    assert len(Recurrence(first, 1, until=date(2099, 1, 1)).starts(ZoneInfo("Asia/Riyadh"))) == 53


@given(
    zone=zones,
    first=st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC)),
    every=weeks,
    until=st.dates(),
)
def test_no_start_and_no_end_that_can_be_asked_for_is_too_far_to_count_with(zone, first, every, until):
    found = Recurrence(first, every, until=until).starts(zone)
    assert len(found) <= 53
    assert list(found) == sorted(found)
    assert len(Recurrence(first, every, count=52).starts(zone)) == 52
