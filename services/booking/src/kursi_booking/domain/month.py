"""A month of a salon's calendar, and which of its days have free times."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval

from kursi_booking.domain.availability import Question, find_openings
from kursi_booking.domain.start_rule import local_days, midnight

_FURTHEST_OFFSET = timedelta(hours=15)
"""No zone is further from UTC, or ever was in the years of the contract."""


class Month(NamedTuple):
    """A month of any zone's calendar."""

    year: int
    month: int

    @property
    def first(self) -> date:
        """Its first date."""
        return date(self.year, self.month, 1)

    @property
    def next_first(self) -> date:
        """The first date of the month after it."""
        return date(self.year + self.month // 12, self.month % 12 + 1, 1)

    def within(self, zone: ZoneInfo) -> Interval:
        """The instants between which it lasts somewhere."""
        return midnight(zone, self.first), midnight(zone, self.next_first)

    @property
    def anywhere(self) -> tuple[datetime, datetime]:
        """A range that covers it in every zone."""
        return _utc(self.first) - _FURTHEST_OFFSET, _utc(self.next_first) + _FURTHEST_OFFSET


class BookableDay(NamedTuple):
    """A local date, how many starts it has, and the first of them."""

    day: date
    starts: int
    first_start: int | None


def bookable_days(questions: Iterable[Question], zone: ZoneInfo, window: Interval) -> list[BookableDay]:
    """Each local date that the window touches, with the starts in the window that any of the questions offers."""
    starts = sorted({opening.start for question in questions for opening in find_openings(question, *window)})
    result = []
    for day, begin, end in local_days(zone, window):
        first, last = bisect_left(starts, begin), bisect_left(starts, end)
        result.append(BookableDay(day, last - first, starts[first] if first < last else None))
    return result


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
