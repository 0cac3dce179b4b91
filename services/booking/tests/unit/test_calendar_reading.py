"""What a calendar elsewhere says, told by hand for each way in which calendars say it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from kursi_booking.adapters.calendar_reading import read_busy
from kursi_booking.domain.external_calendar import CalendarUnreadable

RIYADH = ZoneInfo("Asia/Riyadh")
HOST = "salon.test"
OURS = "01890000-0000-7000-8000-000000000001"


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


WITHIN = (at("2026-03-01"), at("2026-04-01"))


def calendar(*events, more=""):
    body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Test//EN\n{more}{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def read(*events, more="", zone=RIYADH, within=WITHIN):
    return read_busy(calendar(*events, more=more), zone=zone, within=within, host=HOST)


def busy(*events, **more):
    return [
        (
            f"{datetime.fromtimestamp(start, UTC):%m-%d %H:%M}",
            f"{datetime.fromtimestamp(end, UTC):%m-%d %H:%M}",
        )
        for start, end in read(*events, **more).busy
    ]


def test_times_in_utc_with_a_zone_and_without_one():
    assert busy("DTSTART:20260310T100000Z\nDTEND:20260310T110000Z") == [("03-10 10:00", "03-10 11:00")]
    assert busy("DTSTART;TZID=Europe/Berlin:20260310T100000\nDTEND;TZID=Europe/Berlin:20260310T110000") == [
        ("03-10 09:00", "03-10 10:00")
    ]
    assert busy("DTSTART:20260310T100000\nDTEND:20260310T110000") == [("03-10 07:00", "03-10 08:00")]


@pytest.mark.parametrize(
    ("zone", "times"),
    [
        ("Asia/Riyadh", ("03-08 21:00", "03-09 21:00")),
        ("Europe/Berlin", ("03-08 23:00", "03-09 23:00")),
        ("America/New_York", ("03-09 04:00", "03-10 04:00")),
    ],
)
def test_a_whole_day_is_the_salons(zone, times):
    assert busy("DTSTART;VALUE=DATE:20260309\nDTEND;VALUE=DATE:20260310", zone=ZoneInfo(zone)) == [times]
    assert busy("DTSTART;VALUE=DATE:20260309", zone=ZoneInfo(zone)) == [times]


def test_the_day_on_which_the_clock_changes_is_as_long_as_it_is():
    assert busy("DTSTART;VALUE=DATE:20260308", zone=ZoneInfo("America/New_York")) == [
        ("03-08 05:00", "03-09 04:00")
    ]


def test_a_zone_that_only_the_calendar_describes():
    described = (
        "BEGIN:VTIMEZONE\nTZID:Shop Time\nBEGIN:STANDARD\nDTSTART:20000101T000000\nTZOFFSETFROM:+0500\n"
        "TZOFFSETTO:+0545\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    event = "DTSTART;TZID=Shop Time:20260310T100000\nDURATION:PT30M"
    assert busy(event, more=described) == [("03-10 04:15", "03-10 04:45")]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("W. Europe Standard Time", "03-10 09:00"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "03-10 09:00"),
        ("Nowhere/Land", "03-10 07:00"),
        ("localtime", "03-10 07:00"),
        ("Factory", "03-10 07:00"),
        ("../../etc/passwd", "03-10 07:00"),
    ],
)
def test_other_names_of_zones(name, start):
    assert busy(f'DTSTART;TZID="{name}":20260310T100000\nDURATION:PT30M')[0][0] == start


@pytest.mark.parametrize(
    ("duration", "end"),
    [
        ("P1D", "03-29 07:00"),
        ("PT24H", "03-29 08:00"),
        ("P1DT2H", "03-29 09:00"),
        ("P1W", "04-04 07:00"),
        ("-P1D", None),
    ],
)
def test_days_of_a_duration_are_the_calendars_and_hours_the_clocks(duration, end):
    event = f"DTSTART;TZID=Europe/Berlin:20260328T090000\nDURATION:{duration}"
    within = (at("2026-03-01"), at("2026-05-01"))
    assert busy(event, within=within) == ([("03-28 08:00", end)] if end else [])


@pytest.mark.parametrize(
    "line", ["STATUS:CANCELLED", "TRANSP:TRANSPARENT", "X-MICROSOFT-CDO-BUSYSTATUS:FREE", "DURATION:PT0S"]
)
def test_what_keeps_nobody_busy(line):
    assert busy(f"DTSTART:20260310T100000Z\n{line}\nDTEND:20260310T100000Z") == []
    assert busy(f"DTSTART:20260310T100000Z\n{line}") == []


def test_a_weekly_rule_keeps_its_wall_clock_time_over_the_change_of_the_clock():
    event = "DTSTART;TZID=Europe/Berlin:20240101T100000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY"
    assert [start for start, _ in busy(event)] == [
        "03-02 09:00", "03-09 09:00", "03-16 09:00", "03-23 09:00", "03-30 08:00",
    ]  # fmt: skip


def test_a_rule_of_every_third_week_counts_from_its_beginning():
    event = "DTSTART:20250101T100000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=WE,FR;WKST=SU"
    assert [start for start, _ in busy(event)] == ["03-18 10:00", "03-20 10:00"]


def test_the_last_time_of_a_rule_and_the_number_of_its_times():
    assert [start for start, _ in busy("DTSTART:20260309T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2")] == [
        "03-09 10:00", "03-10 10:00",
    ]  # fmt: skip
    until = "DTSTART;TZID=Asia/Riyadh:20260309T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260310T070000Z"
    assert [start for start, _ in busy(until)] == ["03-09 07:00", "03-10 07:00"]
    day = "DTSTART;VALUE=DATE:20260309\nRRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20260311"
    assert [start for start, _ in busy(day)] == ["03-08 21:00", "03-10 21:00"]


def test_dates_that_are_left_out_or_added():
    event = (
        "DTSTART:20260309T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=4\n"
        "EXDATE:20260310T100000Z,20260311T100000Z\nRDATE:20260320T120000Z\n"
        "RDATE;VALUE=PERIOD:20260321T120000Z/PT3H,20260322T120000Z/20260322T121500Z"
    )
    assert busy(event) == [
        ("03-09 10:00", "03-09 11:00"), ("03-12 10:00", "03-12 11:00"), ("03-20 12:00", "03-20 13:00"),
        ("03-21 12:00", "03-21 15:00"), ("03-22 12:00", "03-22 12:15"),
    ]  # fmt: skip


def test_one_time_of_a_series_is_moved_and_another_called_off():
    series = "UID:a\nDTSTART;TZID=Asia/Riyadh:20260309T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"
    moved = "UID:a\nRECURRENCE-ID:20260310T070000Z\nDTSTART:20260315T120000Z\nDURATION:PT1H"
    gone = "UID:a\nRECURRENCE-ID;TZID=Asia/Riyadh:20260311T100000\nSTATUS:CANCELLED\nDTSTART:20260311T070000Z"
    assert busy(moved, series, gone) == [("03-09 07:00", "03-09 08:00"), ("03-15 12:00", "03-15 13:00")]


def test_of_two_versions_of_an_event_the_later_one_counts():
    old = "UID:a\nSEQUENCE:1\nDTSTART:20260309T100000Z\nDURATION:PT1H"
    new = "UID:a\nSEQUENCE:2\nDTSTART:20260310T100000Z\nDURATION:PT1H"
    assert busy(new, old) == busy(old, new) == [("03-10 10:00", "03-10 11:00")]


def test_touching_and_overlapping_events_are_one_stretch_inside_the_range():
    assert busy(
        "DTSTART:20260310T100000Z\nDURATION:PT1H",
        "DTSTART:20260310T110000Z\nDURATION:PT1H",
        "DTSTART:20260310T103000Z\nDURATION:PT15M",
        "DTSTART:20260331T230000Z\nDURATION:PT2H",
        "DTSTART:20260227T230000Z\nDURATION:P2D",
    ) == [("03-01 00:00", "03-01 23:00"), ("03-10 10:00", "03-10 12:00"), ("03-31 23:00", "04-01 00:00")]


def test_what_stands_behind_the_end_and_ends_that_are_missing_inside_do_no_harm():
    event = "DTSTART:20260310T100000Z\nDURATION:PT1H\nBEGIN:VALARM"
    content = calendar(event) + b"\r\n<!-- served by a cache -->\r\n"
    assert len(read_busy(content, zone=RIYADH, within=WITHIN, host=HOST).busy) == 1


def test_events_of_ours_stand_apart():
    found = read(f"UID:{OURS}@{HOST}\nDTSTART:20260310T100000Z\nDURATION:PT1H")
    assert found.busy == ()
    assert {str(booking_id): times for booking_id, times in found.own.items()} == {
        OURS: ((at("2026-03-10T10:00"), at("2026-03-10T11:00")),)
    }
    assert read(f"UID:{OURS}@elsewhere.test\nDTSTART:20260310T100000Z\nDURATION:PT1H").own == {}


def test_an_alarm_inside_an_event_changes_nothing_of_it():
    alarm = "BEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT9H\nDTSTART:20260101T000000Z\nEND:VALARM"
    assert busy(f"{alarm}\nDTSTART:20260310T100000Z\nDURATION:PT1H") == [("03-10 10:00", "03-10 11:00")]


@pytest.mark.parametrize(
    "event",
    [
        "SUMMARY:no start",
        "DTSTART:tomorrow\nDURATION:PT1H",
        "DTSTART:20261340T100000Z\nDURATION:PT1H",
        "DTSTART:20260310T100000Z\nDURATION:long",
        "DTSTART:20260310T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=0",
        "DTSTART:20260310T100000Z\nDURATION:PT1H\nRRULE:FREQ=SOMETIMES",
        "DTSTART:20260310T100000Z\nDURATION:PT1H\nRRULE:daily",
        "DTSTART:00010101T000000Z\nDURATION:PT1H\nRECURRENCE-ID:x",
    ],
)
def test_an_event_that_makes_no_sense_is_left_out_and_counted(event):
    found = read(event, "DTSTART:20260310T100000Z\nDURATION:PT1H")
    assert (len(found.busy), found.skipped) == (1, 1)


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "NOT_A_CALENDAR"),
        (b"<!doctype html><title>Sign in</title>", "NOT_A_CALENDAR"),
        (b"\x00" * 1000, "NOT_A_CALENDAR"),
        (calendar(*["BEGIN:VALARM"] * 20), "NOT_A_CALENDAR"),
        (calendar("DTSTART:20260310T100000Z")[:-20], "NOT_A_CALENDAR"),
        (calendar("DTSTART:20260310T100000Z").removesuffix(b"END:VCALENDAR\r\n"), "NOT_A_CALENDAR"),
        (calendar() + calendar("DTSTART:20260310T100000Z")[:-9], "NOT_A_CALENDAR"),
        (calendar("DTSTART:20260310T100000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY"), "TOO_COMPLEX"),
        (calendar("DTSTART:20260310T100000Z\nDURATION:PT1S\nRRULE:FREQ=MINUTELY;COUNT=9999999"), "TOO_COMPLEX"),
        (
            calendar(
                "DTSTART:20260310T100000Z\nDURATION:PT1S\nRRULE:FREQ=DAILY;BYHOUR="
                + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60)))
            ),
            "TOO_COMPLEX",
        ),
        (calendar("DTSTART:19000101T000000Z\nDURATION:PT1S\nRRULE:FREQ=HOURLY"), "TOO_COMPLEX"),
        (calendar(*[f"DTSTART:20260301T{hour:02}{minute:02}00Z\nDURATION:PT30S\nRRULE:FREQ=DAILY" for hour in range(24) for minute in range(60)]), "TOO_MANY_EVENTS"),
        (calendar(*["DTSTART:20260310T100000Z"] * 20_001), "TOO_MANY_EVENTS"),
        (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\n" * 101, "TOO_MANY_EVENTS"),
    ],
)  # fmt: skip
def test_what_is_no_calendar_or_too_much_of_one_is_refused(content, why):
    with pytest.raises(CalendarUnreadable) as error:
        read_busy(content, zone=RIYADH, within=WITHIN, host=HOST)
    assert error.value.why == why
