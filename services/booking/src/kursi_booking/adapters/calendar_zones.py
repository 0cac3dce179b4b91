"""Times as calendars write them: with a zone by name, with one that the calendar describes, in UTC, or with none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from kursi_booking.adapters.calendar_lines import MALFORMED, Property

_STAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_TAME_RULE: Final = re.compile(r"^RRULE[^\r\n]*:[^\r\n]*\bFREQ=YEARLY\b", re.MULTILINE | re.IGNORECASE)
_RULE: Final = re.compile(r"^RRULE", re.MULTILINE | re.IGNORECASE)
_TZID: Final = re.compile(r"^TZID[^:\r\n]*:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall-clock time in a zone; `whole_day` stands for its date."""

    local: datetime
    zone: tzinfo
    whole_day: bool = False

    @property
    def epoch(self) -> int:
        """Epoch seconds. Raises: one of MALFORMED for a time that is beyond all calendars."""
        return self.at(self.local)

    def at(self, local: datetime) -> int:
        """Epoch seconds of another wall-clock time in the same zone."""
        return int(local.replace(tzinfo=self.zone).timestamp())

    def seen_from(self, zone: tzinfo) -> datetime:
        """The same moment on the wall of another zone."""
        return self.local.replace(tzinfo=self.zone).astimezone(zone).replace(tzinfo=None)


class Zones:
    """The zones of one calendar. Times without a zone are those of the salon."""

    def __init__(self, salon: ZoneInfo, described: Sequence[Sequence[str]]) -> None:
        texts = ["\r\n".join([*lines, ""]) for lines in described]
        self._salon = salon
        self._described = {found[1].strip(): text for text in texts if (found := _TZID.search(text))}
        self._known: dict[str, tzinfo] = {}

    def moment(self, written: Property) -> Moment:
        """Read a date or a time. Raises: ValueError for anything else."""
        found = _STAMP.fullmatch(written.value.strip())
        if found is None:
            message = "neither a date nor a time"
            raise ValueError(message)
        year, month, day, hour, minute, second, is_utc = found.groups()
        date = datetime(int(year), int(month), int(day))  # noqa: DTZ001 -- wall-clock time, the zone stands beside it
        if hour is None:
            return Moment(date, self._salon, whole_day=True)
        local = date.replace(hour=int(hour), minute=int(minute), second=min(int(second), 59))
        return Moment(local, UTC if is_utc else self._named(written.parameters.get("TZID", "")))

    def _named(self, name: str) -> tzinfo:
        if name not in self._known:
            self._known[name] = self._find(name) or self._salon
        return self._known[name]

    def _find(self, name: str) -> tzinfo | None:
        """By IANA name, also behind a prefix (`/example.org/Europe/Berlin`), as described, by Windows name."""
        ends = [name, *("/".join(name.split("/")[-count:]) for count in (3, 2))]
        iana = next((end for end in ends if end in _names()), None)
        if iana is None and name in self._described:
            return _described_zone(self._described[name])
        iana = iana or WINDOWS_TO_OLSON.get(name)
        return ZoneInfo(iana) if iana else None


def _described_zone(text: str) -> tzinfo | None:
    """None for a description that makes no sense, or whose rules are not yearly: that is no zone, but a trap."""
    if len(_RULE.findall(text)) != len(_TAME_RULE.findall(text)):
        return None
    try:
        parsed = Timezone.from_ical(text)
        if not isinstance(parsed, Timezone):
            return None
        zone = parsed.to_tz()
        probe = datetime(2026, 1, 1, tzinfo=zone)
        return zone if abs(probe.utcoffset() or timedelta()) < timedelta(days=1) else None
    except MALFORMED:
        return None


@cache
def _names() -> frozenset[str]:
    # Files beside the zones: that of this very machine, and a placeholder.
    return frozenset(available_timezones() - {"localtime", "Factory"})
