"""Prayer breaks as callers send them, and as they are sent back."""

from collections.abc import Mapping
from datetime import timedelta

from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.grpc.times import duration
from kursi_chassis.validation import Violations

from kursi_catalog.api.reading import choice, minutes
from kursi_catalog.domain.prayer import (
    LONGEST_AFTER,
    LONGEST_BEFORE,
    SHORTEST_AFTER,
    HighLatitudes,
    Method,
    Prayer,
    PrayerBreaks,
    Rules,
)

METHOD: Mapping[int, Method] = {
    pb.PrayerBreaks.UMM_AL_QURA: Method.UMM_AL_QURA,
    pb.PrayerBreaks.METHOD_UNSPECIFIED: Method.UMM_AL_QURA,
    pb.PrayerBreaks.MUSLIM_WORLD_LEAGUE: Method.MUSLIM_WORLD_LEAGUE,
    pb.PrayerBreaks.EGYPTIAN: Method.EGYPTIAN,
    pb.PrayerBreaks.NORTH_AMERICA: Method.NORTH_AMERICA,
    pb.PrayerBreaks.KARACHI: Method.KARACHI,
    pb.PrayerBreaks.DUBAI: Method.DUBAI,
    pb.PrayerBreaks.KUWAIT: Method.KUWAIT,
    pb.PrayerBreaks.QATAR: Method.QATAR,
    pb.PrayerBreaks.SINGAPORE: Method.SINGAPORE,
    pb.PrayerBreaks.MOONSIGHTING_COMMITTEE: Method.MOON_SIGHTING_COMMITTEE,
}
PRAYER: Mapping[int, Prayer] = {
    pb.PrayerBreaks.FAJR: Prayer.FAJR,
    pb.PrayerBreaks.DHUHR: Prayer.DHUHR,
    pb.PrayerBreaks.ASR: Prayer.ASR,
    pb.PrayerBreaks.MAGHRIB: Prayer.MAGHRIB,
    pb.PrayerBreaks.ISHA: Prayer.ISHA,
}
HIGH_LATITUDES: Mapping[int, HighLatitudes] = {
    pb.PrayerBreaks.TWILIGHT_ANGLE: HighLatitudes.TWILIGHT_ANGLE,
    pb.PrayerBreaks.HIGH_LATITUDES_UNSPECIFIED: HighLatitudes.TWILIGHT_ANGLE,
    pb.PrayerBreaks.SEVENTH_OF_THE_NIGHT: HighLatitudes.SEVENTH_OF_THE_NIGHT,
    pb.PrayerBreaks.MIDDLE_OF_THE_NIGHT: HighLatitudes.MIDDLE_OF_THE_NIGHT,
}


def prayer_breaks(check: Violations, field: str, message: pb.PrayerBreaks) -> PrayerBreaks:
    """Which prayers, how their times are computed, and how long the breaks are."""
    return PrayerBreaks(
        Rules(
            choice(check, f"{field}.method", message.method, METHOD),
            message.hanafi_asr,
            choice(check, f"{field}.high_latitudes", message.high_latitudes, HIGH_LATITUDES),
        ),
        _prayers(check, f"{field}.prayers", message),
        minutes(check, f"{field}.before", message.before, timedelta(0), LONGEST_BEFORE),
        minutes(check, f"{field}.after", message.after, SHORTEST_AFTER, LONGEST_AFTER),
    )


def prayer_breaks_message(it: PrayerBreaks) -> pb.PrayerBreaks:
    """What was read, as it is sent back."""
    return pb.PrayerBreaks(
        method=pb.PrayerBreaks.Method.ValueType(_number(METHOD, it.rules.method)),
        prayers=[pb.PrayerBreaks.Prayer.ValueType(_number(PRAYER, one)) for one in it.prayers],
        before=duration(it.before),
        after=duration(it.after),
        hanafi_asr=it.rules.hanafi_asr,
        high_latitudes=pb.PrayerBreaks.HighLatitudes.ValueType(
            _number(HIGH_LATITUDES, it.rules.high_latitudes)
        ),
    )


def _prayers(check: Violations, field: str, message: pb.PrayerBreaks) -> tuple[Prayer, ...]:
    check.count(field, message.prayers, len(PRAYER), least=1)
    seen: list[Prayer] = []
    for position, number in enumerate(message.prayers[: len(PRAYER)]):
        one = choice(check, f"{field}[{position}]", number, PRAYER)
        if one in seen and number in PRAYER:
            check.add(f"{field}[{position}]", "DUPLICATE")
        seen.append(one)
    return tuple(seen)


def _number(numbers: Mapping[int, Method | Prayer | HighLatitudes], value: object) -> int:
    """The number of a value; where zero means the same, not zero."""
    return next(number for number, one in numbers.items() if number and one is value)
