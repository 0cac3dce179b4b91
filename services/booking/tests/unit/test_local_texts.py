"""Wall-clock texts by arithmetic equal those that the zone makes one by one."""

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from kursi_booking.api.local_texts import local_text, local_texts

# Clock changes at night, at midnight (Cairo, Beirut), by half an hour (Lord Howe), a skipped date (Apia), seconds in old offsets.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29)),
    ("Europe/Berlin", datetime(2026, 10, 25)),
    ("America/New_York", datetime(2026, 3, 8)),
    ("America/New_York", datetime(2026, 11, 1)),
    ("Africa/Cairo", datetime(2026, 4, 24)),
    ("Asia/Beirut", datetime(2026, 3, 29)),
    ("Asia/Beirut", datetime(2026, 10, 25)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5)),
    ("Pacific/Apia", datetime(2011, 12, 30)),
    ("Asia/Riyadh", datetime(1947, 3, 14)),
    ("Asia/Riyadh", datetime(2026, 3, 29)),
    ("Asia/Kathmandu", datetime(2026, 3, 29)),
]


@pytest.mark.parametrize(("name", "day"), CHANGES)
def test_around_clock_changes_every_minute_and_odd_seconds_read_as_the_zone_says(name, day):
    zone = ZoneInfo(name)
    middle = int(day.replace(tzinfo=UTC).timestamp())
    around = [*range(middle - 3 * 86_400, middle + 3 * 86_400, 60), *range(middle, middle + 86_400, 7)]
    assert list(local_texts(around, zone)) == [local_text(instant, zone) for instant in around]


def test_instants_in_any_order_read_as_the_zone_says():
    rnd = random.Random(5)
    for name, _ in CHANGES:
        zone = ZoneInfo(name)
        instants = [rnd.randrange(0, 4_000_000_000) for _ in range(300)]
        assert list(local_texts(instants, zone)) == [local_text(instant, zone) for instant in instants]
