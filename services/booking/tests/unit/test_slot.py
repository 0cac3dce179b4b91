from datetime import UTC, datetime, timedelta

import pytest
from kursi_booking.domain.time_range import TimeRange

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end"),
    [(NOON, NOON), (NOON, NOON - HOUR), (NOON.replace(tzinfo=None), (NOON + HOUR).replace(tzinfo=None))],
)
def test_an_empty_inverted_or_naive_range_cannot_be_made(start, end):
    with pytest.raises(ValueError, match="time range"):
        TimeRange(start, end)


def test_ranges_that_touch_do_not_overlap():
    first, second = TimeRange(NOON, NOON + HOUR), TimeRange(NOON + HOUR, NOON + 2 * HOUR)
    assert not first.overlaps(second)
    assert first.overlaps(TimeRange(second.start - timedelta(seconds=1), second.end))


def test_the_start_belongs_to_a_range_and_the_end_does_not():
    hour = TimeRange(NOON, NOON + HOUR)
    assert (hour.contains(NOON), hour.contains(NOON + HOUR), hour.length) == (True, False, HOUR)


def test_epoch_seconds_come_back_as_the_same_range():
    hour = TimeRange(NOON, NOON + HOUR)
    assert TimeRange.of_epoch(*hour.epoch) == hour
