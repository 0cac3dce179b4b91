"""When the visits of a series start: every few weeks at the same time on the salon's clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MOST_VISITS = 52
LEAST_VISITS = 2
MOST_WEEKS = 12


@dataclass(frozen=True, slots=True)
class Recurrence:
    """From `first` on, every `every_weeks` weeks: `count` times, or until a local date, that day included.

    Exactly one of `count` and `until` is set.
    """

    first: datetime
    every_weeks: int
    count: int | None = None
    until: date | None = None

    def starts(self, zone: ZoneInfo) -> tuple[datetime, ...]:
        """All starts in UTC, the first one exactly as it was asked for, and at most one more than are allowed.

        The others have its wall-clock time. One that the clocks skip takes the offset before the gap, so it moves
        forward; one that they show twice is the first of the two: the rule of all schedules of a salon.
        """
        local = self.first.astimezone(zone)
        # Python adds on the wall clock, and the sum is the first of two equal times whichever the first visit was.
        later = (local + number * timedelta(weeks=self.every_weeks) for number in range(1, self._longest()))
        chosen = [moment for moment in later if self.until is None or moment.date() <= self.until]
        if self.until is not None and local.date() > self.until:
            return ()
        return (self.first.astimezone(UTC), *(moment.astimezone(UTC) for moment in chosen))

    def _longest(self) -> int:
        return MOST_VISITS + 1 if self.count is None else self.count
