from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from kursi_catalog.domain.schedule import (
    LocalRange,
    Override,
    SalonSchedule,
    StaffSchedule,
    TimeOff,
    WeeklyRange,
    resolve,
)

RULE = UUID(int=1)
STAFF = UUID(int=2)
ALL_DAY = LocalRange(0, 1440)
NINE_TO_FIVE = LocalRange(9 * 60, 17 * 60)
MONDAY = date(2026, 6, 1)


def every_day(during):
    return tuple(WeeklyRange(RULE, weekday, during) for weekday in range(1, 8))


def salon(zone="Asia/Riyadh", hours=ALL_DAY, closures=()):
    return SalonSchedule(ZoneInfo(zone), every_day(hours), closures)


def member(during=NINE_TO_FIVE, **rules):
    return StaffSchedule(STAFF, every_day(during), **rules)


def local_hours(a_salon, a_member, day, days=1):
    """Worked ranges of the local days as wall times of the salon."""
    start = datetime(day.year, day.month, day.day, tzinfo=a_salon.zone)
    answer = resolve(
        a_salon, [a_member], start.astimezone(UTC), (start + timedelta(days=days)).astimezone(UTC)
    )[STAFF]
    return [
        tuple(datetime.fromtimestamp(bound, a_salon.zone).strftime("%d %H:%M") for bound in interval)
        for interval in answer
    ]


def at(text, zone="Asia/Riyadh"):
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


@pytest.mark.covers("C5")
def test_a_shift_past_midnight_ends_on_the_next_date():
    assert local_hours(
        salon(hours=LocalRange(0, 2880)), member(LocalRange(20 * 60, 27 * 60)), MONDAY, days=2
    ) == [
        ("01 00:00", "01 03:00"),
        ("01 20:00", "02 03:00"),
        ("02 20:00", "03 00:00"),
    ]


@pytest.mark.covers("C5")
def test_an_override_replaces_only_shifts_that_start_on_its_date():
    night = member(LocalRange(20 * 60, 27 * 60), overrides=(Override(RULE, MONDAY),))
    assert local_hours(salon(hours=LocalRange(0, 2880)), night, MONDAY) == [("01 00:00", "01 03:00")]


@pytest.mark.covers("C5")
def test_an_override_stays_within_salon_hours():
    long_day = member(overrides=(Override(RULE, MONDAY, (LocalRange(8 * 60, 23 * 60),)),))
    assert local_hours(salon(hours=LocalRange(10 * 60, 22 * 60)), long_day, MONDAY) == [
        ("01 10:00", "01 22:00")
    ]


@pytest.mark.covers("C5")
def test_time_off_wins_over_an_override():
    away = member(
        overrides=(Override(RULE, MONDAY, (LocalRange(9 * 60, 12 * 60),)),),
        time_off=(TimeOff(RULE, (at("2026-06-01T10:00"), at("2026-06-01T11:00"))),),
    )
    assert local_hours(salon(), away, MONDAY) == [("01 09:00", "01 10:00"), ("01 11:00", "01 12:00")]


@pytest.mark.covers("C5")
def test_a_closure_of_two_days_closes_both():
    shut = salon(closures=((at("2026-06-01T00:00"), at("2026-06-03T00:00")),))
    assert local_hours(shut, member(), MONDAY, days=3) == [("03 09:00", "03 17:00")]


@pytest.mark.covers("C5")
def test_a_break_cuts_its_shift():
    lunch = StaffSchedule(
        STAFF, (WeeklyRange(RULE, 1, NINE_TO_FIVE, breaks=(LocalRange(12 * 60, 13 * 60),)),)
    )
    assert local_hours(salon(), lunch, MONDAY) == [("01 09:00", "01 12:00"), ("01 13:00", "01 17:00")]


@pytest.mark.covers("C5")
def test_what_is_remembered_of_one_week_is_not_told_of_another_that_ends_earlier():
    """The same shifts on the same dates; only how long they count differs."""
    for last, expected in ((MONDAY, ["01"]), (date(2026, 6, 2), ["01", "02"])):
        shifts = tuple(
            WeeklyRange(RULE, weekday, NINE_TO_FIVE, valid_from=MONDAY, valid_to=last)
            for weekday in range(1, 8)
        )
        worked = local_hours(salon(), StaffSchedule(STAFF, shifts), MONDAY, days=3)
        assert [begin[:2] for begin, _ in worked] == expected


@pytest.mark.covers("C5")
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Riyadh", date(2026, 3, 29), 24),
    ],
)
def test_a_day_around_the_clock_lasts_as_long_as_the_zone_makes_it(zone, day, hours):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    answer = resolve(
        salon(zone, LocalRange(0, 2880)),
        [StaffSchedule(STAFF, (WeeklyRange(RULE, day.isoweekday(), LocalRange(0, 1440)),))],
        start - timedelta(days=1),
        start + timedelta(days=2),
    )[STAFF]
    assert [end - begin for begin, end in answer] == [hours * 3600]


@pytest.mark.covers("C5")
def test_a_start_inside_the_gap_moves_forward_and_one_in_the_fold_is_the_first():
    early = member(LocalRange(150, 300))
    assert local_hours(salon("Europe/Berlin"), early, date(2026, 3, 29)) == [("29 03:30", "29 05:00")]
    start = datetime(2026, 10, 25, tzinfo=UTC)
    fold = resolve(salon("Europe/Berlin"), [early], start - timedelta(hours=2), start + timedelta(hours=20))[
        STAFF
    ]
    assert [(begin - int(start.timestamp())) // 60 for begin, _ in fold] == [30]


@pytest.mark.covers("C5")
def test_fifty_people_for_sixty_two_days_share_their_conversions():
    people = [
        StaffSchedule(
            UUID(int=number),
            every_day(NINE_TO_FIVE),
            time_off=(TimeOff(RULE, (at("2026-06-10T10:00"), at("2026-06-12T10:00"))),),
        )
        for number in range(50)
    ]
    start = datetime(2026, 6, 1, tzinfo=UTC)
    answer = resolve(salon(hours=LocalRange(480, 1320)), people, start, start + timedelta(days=62))
    assert {len(intervals) for intervals in answer.values()} == {
        61
    }  # one whole day of the 62 lies in the time off
