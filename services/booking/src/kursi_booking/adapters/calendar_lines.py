"""The lines of a calendar that matter, out of bytes that anybody may have written.

Everything but the times of events and the zones that they need is thrown away unread: titles, guests, alarms, photos.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from icalendar.parser import Contentline

from kursi_booking.domain.external_calendar import CalendarUnreadable

MOST_EVENTS: Final = 20_000
_MOST_ZONES: Final = 100
_LONGEST_ZONE: Final = 2_000
"""Lines of one zone: a calendar that lists every change of a century has some 1,000."""
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_LINE: Final = re.compile(r"\r\n|\r|\n")
_WANTED: Final = frozenset(
    {"UID", "SEQUENCE", "STATUS", "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS", "DTSTART", "DTEND", "DURATION"}
    | {"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
)
_EDGES: Final = frozenset({"BEGIN:VCALENDAR", "END:VCALENDAR"})
MALFORMED: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the library and the standard library raise for values that are none."""


@dataclass(frozen=True, slots=True)
class Property:
    """The value of a line, and its parameters by upper-case name."""

    parameters: Mapping[str, str]
    value: str

    def each(self) -> Iterator["Property"]:
        """The comma-separated values, one by one."""
        return (Property(self.parameters, value) for value in self.value.split(","))


@dataclass(slots=True)
class RawEvent:
    """The lines of one event that matter; `is_broken` when one of them is none."""

    properties: dict[str, list[Property]] = field(default_factory=dict)
    is_broken: bool = False

    def add(self, name: str, line: str) -> None:
        """Read one more line."""
        try:
            _, parameters, value = Contentline(line).parts()  # type: ignore[no-untyped-call]  # icalendar leaves it untyped
        except MALFORMED:
            self.is_broken = True
            return
        plain = {key.upper(): given for key, given in parameters.items() if isinstance(given, str)}
        self.properties.setdefault(name, []).append(Property(plain, value))

    def first(self, name: str) -> Property | None:
        """The property that stands at most once."""
        found = self.properties.get(name)
        return found[0] if found else None

    def word(self, name: str) -> str:
        """The value of a plain property; empty without one."""
        found = self.first(name)
        return found.value.strip() if found else ""

    def all(self, name: str) -> list[Property]:
        """Every value of every line."""
        return [value for line in self.properties.get(name, ()) for value in line.each()]

    @property
    def keeps_busy(self) -> bool:
        """Whether its time counts: it is neither called off nor marked as free."""
        return (
            self.word("STATUS").upper() != "CANCELLED"
            and self.word("TRANSP").upper() != "TRANSPARENT"
            and self.word("X-MICROSOFT-CDO-BUSYSTATUS").upper() != "FREE"
        )


@dataclass(slots=True)
class RawCalendar:
    """The events of a calendar, and the lines of the zones that it describes."""

    events: list[RawEvent] = field(default_factory=list)
    zones: list[list[str]] = field(default_factory=list)


def raw_calendar(content: bytes) -> RawCalendar:
    """Take a calendar apart. Raises: CalendarUnreadable (NOT_A_CALENDAR, TOO_MANY_EVENTS, TOO_COMPLEX)."""
    text = content.decode("utf-8-sig", errors="replace")
    lines = _LINE.split(_FOLD.sub("", text))
    if not any(line.strip().upper() == "BEGIN:VCALENDAR" for line in lines[:20]):
        raise CalendarUnreadable("NOT_A_CALENDAR")
    calendar = RawCalendar()
    inside: list[str] = []
    for line in lines:
        _take(calendar, inside, line)
    if not _is_whole(lines):
        raise CalendarUnreadable("NOT_A_CALENDAR")
    return calendar


def _is_whole(lines: Sequence[str]) -> bool:
    """Whether the last calendar among the lines has its end.

    A body without a length that ends where its sender died looks like any other: the events that it lost would be
    free times.
    """
    edges = (line.strip().upper() for line in reversed(lines))
    return next((edge for edge in edges if edge in _EDGES), "") == "END:VCALENDAR"


def _take(calendar: RawCalendar, inside: list[str], line: str) -> None:
    """One line. `inside` are the components that are open around it, outermost first."""
    name = re.split("[:;]", line, maxsplit=1)[0].strip().upper()
    if name == "BEGIN":
        inside.append(line.partition(":")[2].strip().upper())
        if inside[-1] == "VEVENT":
            calendar.events.append(RawEvent())
        elif inside[-1] == "VTIMEZONE":
            calendar.zones.append([])
        _check(calendar, inside)
    if "VTIMEZONE" in inside:
        _add_to_zone(calendar.zones, line)
    elif inside and inside[-1] == "VEVENT" and name in _WANTED:
        calendar.events[-1].add(name, line)
    if name == "END" and inside:
        inside.pop()


def _check(calendar: RawCalendar, inside: Sequence[str]) -> None:
    if len(calendar.events) > MOST_EVENTS or len(calendar.zones) > _MOST_ZONES:
        raise CalendarUnreadable("TOO_MANY_EVENTS")
    if len(inside) > 10:
        raise CalendarUnreadable("NOT_A_CALENDAR")


def _add_to_zone(zones: Sequence[list[str]], line: str) -> None:
    if zones:
        zones[-1].append(line)
        if len(zones[-1]) > _LONGEST_ZONE:
            raise CalendarUnreadable("TOO_COMPLEX")
