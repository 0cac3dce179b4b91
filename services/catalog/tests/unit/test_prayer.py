"""Prayer times against what was published, and what becomes of them where the sun does odd things."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_catalog.domain.prayer import (
    HighLatitudes,
    Method,
    Prayer,
    PrayerBreaks,
    Rules,
    intervals,
    times_of,
)
from kursi_catalog.domain.salon import Location
from kursi_catalog.domain.schedule import SalonSchedule, days_that_reach, prayer_intervals
from kursi_catalog.domain.season import Season, season_of
from kursi_chassis.intervals import clip

MAKKAH = Location(21.427009, 39.828685)
RIYADH = Location(24.7136, 46.6753)
BERLIN = Location(52.52, 13.405)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# The Umm al-Qura calendar of 1437 and 1438 for Makkah, a day of each month of 2016: fajr, dhuhr, asr, maghrib, isha.
PUBLISHED = {
    "2016-01-05": "05:39 12:26 15:32 17:53 19:23",
    "2016-02-04": "05:39 12:35 15:49 18:13 19:43",
    "2016-03-05": "05:22 12:33 15:55 18:27 19:57",
    "2016-04-03": "04:55 12:24 15:50 18:37 20:07",
    "2016-05-02": "04:27 12:18 15:39 18:47 20:17",
    "2016-06-04": "04:11 12:20 15:37 19:01 20:31",
    "2016-07-08": "04:18 12:26 15:43 19:07 20:37",
    "2016-08-02": "04:32 12:27 15:46 19:00 20:30",
    "2016-09-04": "04:48 12:20 15:45 18:34 20:04",
    "2016-10-06": "04:58 12:09 15:32 18:04 19:34",
    "2016-11-05": "05:09 12:05 15:19 17:43 19:13",
    "2016-12-04": "05:24 12:12 15:17 17:38 19:08",
}


def clock(place, day, zone="Asia/Riyadh", **rules):
    """The times of a date as a clock in the zone shows them."""
    times = times_of(place, Rules(**rules), day)
    return {
        prayer: datetime.fromtimestamp(instant, ZoneInfo(zone)).strftime("%H:%M")
        for prayer, instant in times.items()
    }


def minutes_of(time):
    return int(time[:2]) * 60 + int(time[3:])


@pytest.mark.covers("C5")
@pytest.mark.parametrize("day", PUBLISHED)
def test_times_are_within_a_minute_of_the_published_ones(day):
    computed = clock(MAKKAH, date.fromisoformat(day)).values()
    off = [
        minutes_of(one) - minutes_of(other)
        for one, other in zip(computed, PUBLISHED[day].split(), strict=True)
    ]
    assert max(map(abs, off)) <= 1


@pytest.mark.covers("C5")
def test_isha_is_two_hours_after_maghrib_in_ramadan_and_an_hour_and_a_half_otherwise():
    last_of_shaban = date(2026, 2, 17)
    after = {
        day: (times[Prayer.ISHA] - times[Prayer.MAGHRIB]) // 60
        for day in (last_of_shaban, date(2026, 2, 18), date(2026, 3, 19), date(2026, 3, 20))
        if (times := times_of(RIYADH, Rules(), day))
    }
    assert list(after.values()) == [90, 120, 120, 90]
    qatar = times_of(RIYADH, Rules(Method.QATAR), date(2026, 2, 18))
    assert (qatar[Prayer.ISHA] - qatar[Prayer.MAGHRIB]) // 60 == 90


@pytest.mark.covers("C5")
def test_ramadan_is_that_of_the_umm_al_qura_calendar():
    firsts = {
        year: next(
            day
            for offset in range(366)
            if season_of(day := date(year, 1, 1) + timedelta(days=offset)) is Season.RAMADAN
        )
        for year in (2024, 2025, 2026)
    }
    assert firsts == {2024: date(2024, 3, 11), 2025: date(2025, 3, 1), 2026: date(2026, 2, 18)}
    assert sum(season_of(date(2026, 1, 1) + timedelta(days=n)) is not None for n in range(365)) == 30
    assert season_of(date(2030, 1, 10)) is season_of(date(2030, 12, 30)) is Season.RAMADAN
    assert season_of(date(2090, 1, 1)) is None


@pytest.mark.covers("C5")
def test_in_a_northern_summer_the_rule_for_high_latitudes_bounds_fajr_and_isha():
    day = date(2026, 6, 21)
    found = {
        rule: clock(BERLIN, day, "Europe/Berlin", method=Method.MUSLIM_WORLD_LEAGUE, high_latitudes=rule)
        for rule in HighLatitudes
    }
    assert {rule: (times[Prayer.FAJR], times[Prayer.ISHA]) for rule, times in found.items()} == {
        HighLatitudes.TWILIGHT_ANGLE: ("02:34", "23:35"),
        HighLatitudes.SEVENTH_OF_THE_NIGHT: ("03:42", "22:35"),
        HighLatitudes.MIDDLE_OF_THE_NIGHT: ("01:08", "01:08"),
    }
    assert {(times[Prayer.DHUHR], times[Prayer.MAGHRIB]) for times in found.values()} == {("13:09", "21:33")}


@pytest.mark.covers("C5")
def test_asr_is_later_for_hanafis():
    day = date(2026, 6, 21)
    usual, hanafi = clock(RIYADH, day), clock(RIYADH, day, hanafi_asr=True)
    assert {prayer for prayer in Prayer if usual[prayer] != hanafi[prayer]} == {Prayer.ASR}
    assert minutes_of(hanafi[Prayer.ASR]) - minutes_of(usual[Prayer.ASR]) > 60


@pytest.mark.covers("C5")
def test_where_the_sun_does_not_set_there_are_no_breaks():
    breaks = PrayerBreaks(Rules(), (Prayer.DHUHR, Prayer.MAGHRIB), 0 * MINUTE, 20 * MINUTE)
    tromso = Location(69.65, 18.96)
    assert intervals(breaks, tromso, [date(2026, 6, 21), date(2026, 12, 21)]) == ()
    assert len(intervals(breaks, tromso, [date(2026, 3, 21)])) == 2


@pytest.mark.covers("C5")
@pytest.mark.parametrize(
    ("zone", "longitude"), [("Pacific/Pago_Pago", 179), ("Pacific/Kiritimati", -179), ("Asia/Riyadh", 46)]
)
def test_a_day_has_its_breaks_however_far_its_clock_is_from_its_sun(zone, longitude):
    """The sun's date may be the one before the clock's, or the one after: asked alone, a day has what a week has then."""
    breaks = PrayerBreaks(Rules(), tuple(Prayer), 0 * MINUTE, 20 * MINUTE)
    salon = SalonSchedule(ZoneInfo(zone), (), prayer_breaks=breaks, location=Location(10, longitude))
    begin = datetime(2026, 6, 10, tzinfo=salon.zone)
    day, week = [
        (int((begin - days * DAY).timestamp()), int((begin + days * DAY + 23 * HOUR).timestamp()))
        for days in (0, 3)
    ]
    alone, among = [prayer_intervals(salon, days_that_reach(salon.zone, span)) for span in (day, week)]
    assert clip(alone, *day) == clip(among, *day)
    assert len(clip(alone, *day)) == 5


PLACES = st.builds(Location, st.floats(-90, 90), st.floats(-180, 180))
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


@pytest.mark.covers("C5")
@settings(max_examples=150, deadline=None)
@given(PLACES, DAYS, st.builds(Rules, st.sampled_from(Method), st.booleans(), st.sampled_from(HighLatitudes)))
def test_anywhere_on_any_date_there_are_five_times_in_their_order_or_none(place, day, rules):
    times = times_of(place, rules, day)
    assert times is None or list(times) == list(Prayer)
    assert times is None or list(times.values()) == sorted(times.values())
    assert times is not None or abs(place.latitude) > 60 or abs(place.longitude) > 175
