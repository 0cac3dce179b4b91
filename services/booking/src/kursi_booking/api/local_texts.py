"""Instants in the salon's wall-clock time, thousands at once."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kursi_booking.domain.start_rule import LocalDay, local_days


def local_text(instant: int, zone: ZoneInfo) -> str:
    """An instant as its zone's clocks show it, with their offset: `2026-11-21T16:00:00+03:00`."""
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).isoformat()


def local_texts(instants: Iterable[int], zone: ZoneInfo) -> Iterator[str]:
    """What `local_text` says of each, in their order; fastest when that is the order of time.

    On a day with one offset the date and the offset are put into words once, and the time is arithmetic.
    """
    start = end = 0
    for instant in instants:
        if not start <= instant < end:
            start, end, midnight, day, offset = _day(zone, *local_days(zone, (instant, instant + 1)))
        if midnight is None:
            yield local_text(instant, zone)
        else:
            yield f"{day}{_clock(instant - midnight)}{offset}"


class _Day(NamedTuple):
    """A local date between two instants. Seconds count from `midnight`, which is None where the clocks change."""

    start: int
    end: int
    midnight: int | None
    day: str
    offset: str


@lru_cache(maxsize=4_096)
def _day(zone: ZoneInfo, of: LocalDay) -> _Day:
    first, last = (local_text(instant, zone) for instant in (of.start, of.end - 1))
    # A day may begin at one o'clock, where the clocks skip midnight: seconds count from when that would have been.
    hour, minute, second = (int(part) for part in first[11:19].split(":"))
    midnight = of.start - (hour * 60 + minute) * 60 - second if first[19:] == last[19:] else None
    return _Day(of.start, of.end, midnight, of.day.isoformat(), first[19:])


@lru_cache(maxsize=2_048)
def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"T{hour:02}:{minute:02}:{second:02}"
