"""Calendars that nobody would write and somebody sends: only the clear refusal comes out, and soon."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_booking.adapters.calendar_child import limited
from kursi_booking.adapters.calendar_reading import read_busy
from kursi_booking.domain.external_calendar import MOST_BUSY, CalendarUnreadable
from kursi_chassis.testing.eventually import on_this_machine

WITHIN = (1_772_323_200, 1_775_001_600)
SEED = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Shop\r\nBEGIN:STANDARD\r\n"
    b"DTSTART:20001029T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n"
    b"END:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:20000326T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"
    b"TZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:a\r\nSEQUENCE:1\r\n"
    b"DTSTART;TZID=Shop:20260302T100000\r\nDTEND;TZID=Shop:20260302T110000\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260401T"
    b"000000Z\r\nEXDATE;TZID=Shop:20260304T100000\r\nSUMMARY:\xd8\xb3\xd8\xa7\xd8\xb1\xd8\xa9\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
    b"UID:a\r\nRECURRENCE-ID;TZID=Shop:20260309T100000\r\nDTSTART;VALUE=DATE:20260310\r\nDURATION:P1D\r\nEND:VEVENT\r\n"
    b"BEGIN:VEVENT\r\nDTSTART:20260320T100000Z\r\nDURATION:PT1H\r\nRDATE;VALUE=PERIOD:20260321T100000Z/PT2H\r\nEND:VEVENT\r\n"
    b"END:VCALENDAR\r\n"
)
SOON = timedelta(seconds=on_this_machine(5))
"""However odd a calendar is, it is read or refused by then."""
PIECES = [
    *(
        b"BEGIN:VEVENT\r\n",
        b"END:VEVENT\r\n",
        b"BEGIN:VTIMEZONE\r\n",
        b"END:VTIMEZONE\r\n",
        b"END:VCALENDAR\r\n",
        b"\r\n ",
    ),
    *(
        b"DTSTART:",
        b"DTEND;TZID=:",
        b"DURATION:",
        b"RRULE:",
        b"EXDATE:",
        b"RECURRENCE-ID:",
        b"TZID:",
        b"UID:a\r\n",
        b";",
        b":",
    ),
    *(
        b'"',
        b",",
        b"=",
        b"\\",
        b"/",
        b"T",
        b"Z",
        b"-",
        b"+",
        b"P",
        b"W",
        b"FREQ=YEARLY",
        b"FREQ=MONTHLY",
        b"COUNT=",
        b"UNTIL=",
    ),
    *(
        b"BYDAY=",
        b"BYSETPOS=-1",
        b"BYMONTH=13",
        b"BYWEEKNO=53",
        b"BYYEARDAY=366",
        b"INTERVAL=",
        b"WKST=",
        b"TZOFFSETTO:+9999",
    ),
    *(
        b"0",
        b"-1",
        b"99999999999999999999",
        b"00000000T000000Z",
        b"99991231T235959Z",
        b"00010101",
        b"\xff\xfe",
        b"\x00",
    ),
]


def is_read_or_refused(content):
    try:
        with limited(1):
            times = read_busy(content, zone=ZoneInfo("Europe/Berlin"), within=WITHIN, host="salon.test")
    except CalendarUnreadable as error:
        why = error.why
    else:
        why = ""
    assert why in {"", "NOT_A_CALENDAR", "TOO_MANY_EVENTS", "TOO_COMPLEX"}
    if why:
        return
    assert len(times.busy) <= MOST_BUSY
    assert all(WITHIN[0] <= start < end <= WITHIN[1] for start, end in times.busy)
    assert all(first[1] < second[0] for first, second in zip(times.busy, times.busy[1:], strict=False))


def mutated(changes):
    content = SEED
    for place, length, piece in changes:
        at = place % (len(content) + 1)
        content = content[:at] + piece + content[at + length :]
    return content


CHANGES = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(0, 40), st.sampled_from(PIECES) | st.binary(max_size=8)),
    max_size=8,
)


@pytest.mark.covers("B15")
@settings(max_examples=100, deadline=SOON)
@given(CHANGES)
def test_a_calendar_that_was_tampered_with_is_read_or_refused(changes):
    is_read_or_refused(mutated(changes))


@settings(max_examples=100, deadline=SOON)
@given(
    st.binary(max_size=2_000)
    | st.binary(max_size=500).map(lambda junk: b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + junk)
)
def test_any_bytes_are_read_or_refused(content):
    is_read_or_refused(content)


VALUES = st.lists(
    st.sampled_from(PIECES) | st.binary(max_size=4) | st.integers(-400, 400).map(lambda n: str(n).encode()),
    max_size=6,
)


@settings(max_examples=150, deadline=SOON)
@given(
    st.sampled_from(
        [b"DTSTART", b"DTEND", b"DURATION", b"EXDATE", b"RDATE;VALUE=PERIOD", b"RECURRENCE-ID", b"SEQUENCE"]
    ),
    VALUES.map(b"".join),
)
def test_any_value_of_any_property_is_read_or_refused(name, value):
    is_read_or_refused(SEED.replace(b"UID:a\r\n", b"UID:a\r\n" + name + b":" + value + b"\r\n", 1))


RULES = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "SECONDLY"])},
    optional={
        "INTERVAL": st.integers(-1, 500),
        "COUNT": st.integers(-1, 5_000),
        "BYDAY": st.sampled_from(["MO", "-1SU", "5FR", "54MO", "0TU", "XX", "MO,TU,WE,TH,FR,SA,SU"]),
        "BYMONTHDAY": st.integers(-32, 32),
        "BYMONTH": st.integers(-1, 13),
        "BYSETPOS": st.integers(-400, 400),
        "BYYEARDAY": st.integers(-400, 400),
        "BYWEEKNO": st.integers(-60, 60),
        "BYHOUR": st.integers(-1, 25),
        "UNTIL": st.sampled_from(
            ["20260320", "20260320T000000Z", "00010101T000000Z", "99991231T235959Z", "never"]
        ),
        "RSCALE": st.just("HEBREW"),
    },
)


@settings(max_examples=60, deadline=SOON)
@given(RULES, st.sampled_from(["20260302T100000", "00010101T000000", "19700101T000000", "99991231T000000"]))
def test_any_rule_is_read_or_refused(rule, first):
    text = ";".join(f"{name}={value}" for name, value in rule.items())
    event = f"BEGIN:VEVENT\r\nDTSTART:{first}\r\nDURATION:PT1H\r\nRRULE:{text}\r\nEND:VEVENT\r\nEND:VCALENDAR"
    is_read_or_refused(SEED.replace(b"END:VCALENDAR", event.encode()))
