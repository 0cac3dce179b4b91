"""A stretch of time that is never empty."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """From `start` up to, and not including, `end`; both are aware and end is later.

    Raises: ValueError for anything else, as an empty or naive range is a mistake in the program.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            message = "a time range needs aware datetimes"
            raise ValueError(message)
        if self.end <= self.start:
            message = f"a time range ends after it starts: {self.start} to {self.end}"
            raise ValueError(message)

    @classmethod
    def of_epoch(cls, start: int, end: int) -> "TimeRange":
        """The range between two epoch seconds, in UTC."""
        return cls(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))

    @property
    def epoch(self) -> tuple[int, int]:
        """Both ends as whole epoch seconds."""
        return int(self.start.timestamp()), int(self.end.timestamp())

    @property
    def length(self) -> timedelta:
        """How long it lasts, in absolute time."""
        return self.end - self.start

    def overlaps(self, other: "TimeRange") -> bool:
        """Whether both share an instant; ranges that only touch do not."""
        return self.start < other.end and other.start < self.end

    def contains(self, instant: datetime) -> bool:
        """Whether the instant lies inside; the end does not."""
        return self.start <= instant < self.end
