"""When it is time to pray, by date and place, and the breaks that a salon takes then.

The astronomy is `adhanpy`'s. It knows nothing of Ramadan, in which Umm al-Qura puts isha two hours after maghrib
instead of one and a half, and it gives up on dates on which the sun does not rise or set.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from adhanpy.calculation.CalculationMethod import CalculationMethod
from adhanpy.calculation.CalculationParameters import CalculationParameters
from adhanpy.calculation.HighLatitudeRule import HighLatitudeRule
from adhanpy.calculation.Madhab import Madhab
from adhanpy.PrayerTimes import PrayerTimes
from kursi_chassis.intervals import IntervalSet, merged

from kursi_catalog.domain.salon import Location
from kursi_catalog.domain.season import Season, season_of

LONGEST_BEFORE = timedelta(hours=1)
SHORTEST_AFTER, LONGEST_AFTER = timedelta(minutes=1), timedelta(hours=2)
_RAMADAN_ISHA_MINUTES = 120


class Method(StrEnum):
    """Whose rules the times follow; named as in adhanpy."""

    UMM_AL_QURA = "umm_al_qura"
    MUSLIM_WORLD_LEAGUE = "muslim_world_league"
    EGYPTIAN = "egyptian"
    NORTH_AMERICA = "north_america"
    KARACHI = "karachi"
    DUBAI = "dubai"
    KUWAIT = "kuwait"
    QATAR = "qatar"
    SINGAPORE = "singapore"
    MOON_SIGHTING_COMMITTEE = "moon_sighting_committee"


class Prayer(StrEnum):
    FAJR = "fajr"
    DHUHR = "dhuhr"
    ASR = "asr"
    MAGHRIB = "maghrib"
    ISHA = "isha"


class HighLatitudes(StrEnum):
    """What bounds fajr and isha where twilight hardly ends in summer."""

    TWILIGHT_ANGLE = "twilight_angle"
    SEVENTH_OF_THE_NIGHT = "seventh_of_the_night"
    MIDDLE_OF_THE_NIGHT = "middle_of_the_night"


@dataclass(frozen=True, slots=True)
class Rules:
    """How the times of a day are computed."""

    method: Method = Method.UMM_AL_QURA
    hanafi_asr: bool = False
    high_latitudes: HighLatitudes = HighLatitudes.TWILIGHT_ANGLE


@dataclass(frozen=True, slots=True)
class PrayerBreaks:
    """Breaks from `before` each prayer's time until `after` it."""

    rules: Rules
    prayers: tuple[Prayer, ...]
    before: timedelta
    after: timedelta


def intervals(breaks: PrayerBreaks, place: Location, days: Iterable[date]) -> IntervalSet:
    """The breaks of these local dates."""
    before, after = breaks.before // timedelta(seconds=1), breaks.after // timedelta(seconds=1)
    return merged(
        (times[prayer] - before, times[prayer] + after)
        for day in days
        if (times := times_of(place, breaks.rules, day))
        for prayer in breaks.prayers
    )


@lru_cache(maxsize=1 << 15)
def times_of(place: Location, rules: Rules, day: date) -> Mapping[Prayer, int] | None:
    """The five times of a date in epoch seconds, in their order; None where the sun leaves one of them undefined.

    Cached because a day takes 0.2 ms and the days of a salon are asked for again and again.
    """
    in_ramadan = season_of(day) is Season.RAMADAN
    try:
        found = PrayerTimes(
            tuple(place),
            datetime(day.year, day.month, day.day),  # noqa: DTZ001 -- adhanpy reads the date only
            calculation_parameters=_parameters(rules, in_ramadan),
        )
    except RuntimeError:
        return None
    times = {prayer: int(getattr(found, prayer).timestamp()) for prayer in Prayer}
    # Close to the polar circles adhanpy finds an asr by night.
    return times if list(times.values()) == sorted(times.values()) else None


@lru_cache(maxsize=128)
def _parameters(rules: Rules, in_ramadan: bool) -> CalculationParameters:  # noqa: FBT001 -- a key of the cache
    parameters = CalculationParameters(method=CalculationMethod[rules.method.name])
    parameters.madhab = Madhab.HANAFI if rules.hanafi_asr else Madhab.SHAFI
    parameters.high_latitude_rule = HighLatitudeRule[rules.high_latitudes.name]
    if in_ramadan and rules.method is Method.UMM_AL_QURA:
        parameters.isha_interval = _RAMADAN_ISHA_MINUTES
    return parameters
