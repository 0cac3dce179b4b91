"""Reading in a process of its own, which ends whatever it was given."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from calendar_server import calendar
from kursi_booking.adapters.calendar_parser import CalendarParser
from kursi_booking.domain.external_calendar import CalendarUnreadable

WITHIN = (1_772_323_200, 1_775_001_600)
NEVER = "DTSTART:20260301T100000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


async def read(content, **more):
    return await CalendarParser("salon.test", **more)(content, time_zone="Asia/Riyadh", within=WITHIN)


async def test_a_calendar_comes_back_as_times():
    found = await read(calendar((NOON, NOON.replace(hour=13)), "DTSTART:never"))
    start = int(NOON.timestamp())
    assert (found.busy, found.own, found.skipped) == (((start, start + 3600),), {}, 1)


@pytest.mark.covers("B15")
async def test_a_rule_that_never_matches_ends_at_the_clock_and_leaves_no_process():
    with pytest.raises(CalendarUnreadable) as error:
        await read(calendar(*[NEVER] * 50), longest_seconds=1)
    assert error.value.why == "TOO_COMPLEX"
    assert not any("calendar_child" in path.read_text() for path in _processes())


async def test_what_is_no_calendar_is_told_from_what_is_too_much():
    for content, why in [(b"<html>", "NOT_A_CALENDAR"), (calendar(*["X:1"] * 20_001), "TOO_MANY_EVENTS")]:
        with pytest.raises(CalendarUnreadable) as error:
            await read(content)
        assert error.value.why == why


def _processes():
    children = Path("/proc/self/task").glob("*/children")
    return [Path(f"/proc/{one}/cmdline") for path in children for one in path.read_text().split()]
