"""What time it is, as an argument.

Nothing that decides by the time reads the machine's clock itself: it is handed a `Clock`, so that a test can
stand still, jump over a deadline, or live through a change of daylight saving time.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that moves only when it is told to."""

    def __init__(self, start: datetime) -> None:
        self._now = _in_utc(start)

    def now(self) -> datetime:
        """The instant that was set last."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward (or, with a negative span, backward)."""
        self._now += by

    def set(self, instant: datetime) -> None:
        """Jump to an instant. Raises: ValueError for a naive datetime."""
        self._now = _in_utc(instant)


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        message = "an instant needs a time zone"
        raise ValueError(message)
    return instant.astimezone(UTC)
