"""Parts of the year that have hours of their own."""

from datetime import date
from enum import StrEnum
from functools import lru_cache

from hijridate import Gregorian

_RAMADAN = 9


class Season(StrEnum):
    RAMADAN = "ramadan"


@lru_cache(maxsize=1 << 14)
def season_of(day: date) -> Season | None:
    """The season that a local date lies in.

    The Umm al-Qura calendar is laid down from 1924 to 2077; nobody knows the Hijri date of later days, so they
    are in no season.
    """
    try:
        month = Gregorian(day.year, day.month, day.day).to_hijri().month
    except OverflowError:
        return None
    return Season.RAMADAN if month == _RAMADAN else None
