"""When an event takes place: once, or by its rule, its extra dates and its exceptions, within bounds on the work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from math import prod
from typing import Final

from dateutil.rrule import rrulestr
from icalendar import vDuration
from kursi_chassis.intervals import Interval

from kursi_booking.adapters.calendar_lines import Property, RawEvent
from kursi_booking.adapters.calendar_zones import Moment, Zones
from kursi_booking.domain.external_calendar import CalendarUnreadable

_MOST_TIMES: Final = 20_000
_MOST_STEPS: Final = 1_000_000
_MOST_TIMES_OF_DAY: Final = 100
_STEP_DAYS: Final = {"DAILY": 1, "WEEKLY": 7}
_TIMES_OF_DAY: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_TOO_FAST: Final = frozenset({"SECONDLY", "MINUTELY"})
_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Budget:
    """What one calendar may cost, all its events together."""

    steps: int = _MOST_STEPS
    times: int = _MOST_TIMES

    def step(self) -> None:
        """A rule was asked for its next time. Raises: CalendarUnreadable (TOO_COMPLEX)."""
        self.steps -= 1
        if self.steps < 0:
            raise CalendarUnreadable("TOO_COMPLEX")

    def found(self) -> None:
        """A time counts. Raises: CalendarUnreadable (TOO_MANY_EVENTS)."""
        self.times -= 1
        if self.times < 0:
            raise CalendarUnreadable("TOO_MANY_EVENTS")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the events of one calendar share: their zones, the range that is asked about, and the budget."""

    zones: Zones
    within: Interval
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class _Length:
    """How long an event is: days by the calendar, and after them seconds by the clock."""

    days: int = 0
    seconds: int = 0

    @property
    def most(self) -> timedelta:
        return timedelta(days=self.days + 1, seconds=self.seconds)


def busy_times(event: RawEvent, scope: Scope, moved: Sequence[Property] = ()) -> list[Interval]:
    """When the event takes place in the range, without the times that were `moved` elsewhere.

    Raises: one of MALFORMED for an event that makes no sense; CalendarUnreadable when it is too much.
    """
    written = event.first("DTSTART")
    if written is None or event.is_broken:
        message = "an event without a start"
        raise ValueError(message)
    first = scope.zones.moment(written)
    excluded = _Excluded([*event.all("EXDATE"), *moved], scope.zones)
    times: set[Interval] = set()
    for start, length in _starts(event, first, scope):
        interval = _interval(start, length)
        if interval in times or not _counts(interval, scope.within) or excluded.has(start):
            continue
        scope.budget.found()
        times.add(interval)
    return sorted(times)


def _counts(interval: Interval, within: Interval) -> bool:
    start, end = interval
    return start < end and start < within[1] and within[0] < end


class _Excluded:
    """Times that do not count; a date stands for all of its times."""

    def __init__(self, written: Sequence[Property], zones: Zones) -> None:
        moments = [zones.moment(one) for one in written]
        self._instants = {one.epoch for one in moments}
        self._dates = {one.local.date() for one in moments if one.whole_day}

    def has(self, start: Moment) -> bool:
        return start.epoch in self._instants or start.local.date() in self._dates


def _starts(event: RawEvent, first: Moment, scope: Scope) -> Iterator[tuple[Moment, _Length]]:
    length = _length(event, first, scope.zones)
    yield first, length
    for rule in event.properties.get("RRULE", ()):
        for local in _by_rule(rule.value, first, length, scope):
            yield Moment(local, first.zone, first.whole_day), length
    for extra in event.all("RDATE"):
        start, _, end = extra.value.partition("/")
        begin = scope.zones.moment(Property(extra.parameters, start))
        yield begin, _until(begin, end, extra, scope.zones) if end else length


def _by_rule(text: str, first: Moment, length: _Length, scope: Scope) -> Iterator[datetime]:
    """The wall-clock times of a rule that may matter; days around the range are left to whoever knows their instants."""
    parts = _parts(text)
    begin, end = (
        datetime.fromtimestamp(edge, UTC).astimezone(first.zone).replace(tzinfo=None) for edge in scope.within
    )
    earliest, last = begin - length.most - _DAY, end + _DAY
    if {"COUNT", "UNTIL"} <= parts.keys():
        message = "a rule has COUNT or UNTIL, never both"  # RFC 5545; some versions of dateutil let it pass
        raise ValueError(message)
    if "UNTIL" in parts:
        until = _last_by(parts["UNTIL"], first, scope.zones)
        parts["UNTIL"], last = f"{until:%Y%m%dT%H%M%S}", min(last, until)
    if last < earliest:
        return
    rule = rrulestr(
        ";".join(f"{name}={value}" for name, value in parts.items()),
        dtstart=_forwarded(parts, first.local, earliest),
    )
    for local in rule:
        scope.budget.step()
        if local > last:
            return
        if local >= earliest:
            yield local


def _last_by(written: str, first: Moment, zones: Zones) -> datetime:
    """UNTIL on the wall of the event's zone; a date means all of that day."""
    until = zones.moment(Property({}, written))
    if until.whole_day:
        return datetime.combine(until.local, time.max)
    return until.seen_from(first.zone) if until.zone is UTC else until.local


def _parts(text: str) -> dict[str, str]:
    """A rule by its parts. Raises: ValueError; CalendarUnreadable for one that is faster than any calendar needs."""
    parts = dict(part.split("=", 1) for part in text.strip().upper().split(";") if part)
    if parts.get("FREQ") in _TOO_FAST:
        raise CalendarUnreadable("TOO_COMPLEX")
    if int(parts.get("INTERVAL", "1")) < 1 or int(parts.get("COUNT", "1")) < 1:
        message = "a rule that stands still"
        raise ValueError(message)
    if prod(parts[name].count(",") + 1 for name in _TIMES_OF_DAY if name in parts) > _MOST_TIMES_OF_DAY:
        raise CalendarUnreadable("TOO_COMPLEX")
    return parts


def _forwarded(parts: dict[str, str], first: datetime, earliest: datetime) -> datetime:
    """A later first time from which a daily or weekly rule gives the same times: years of the past are not walked."""
    step = _STEP_DAYS.get(parts["FREQ"], 0) * int(parts.get("INTERVAL", "1"))
    if not step or "COUNT" in parts:
        return first
    strides = ((earliest - first).days - 7) // step - 1
    return first + timedelta(days=strides * step) if strides > 0 else first


def _length(event: RawEvent, first: Moment, zones: Zones) -> _Length:
    end, duration = event.first("DTEND"), event.first("DURATION")
    if end is not None:
        return _between(first, zones.moment(end))
    if duration is not None:
        return _lasting(first, duration.value)
    return _Length(days=1) if first.whole_day else _Length()


def _until(begin: Moment, end: str, written: Property, zones: Zones) -> _Length:
    """The length of a period: to its end, or for its duration."""
    if end.lstrip("+-").startswith("P"):
        return _lasting(begin, end)
    return _between(begin, zones.moment(Property(written.parameters, end)))


def _between(start: Moment, end: Moment) -> _Length:
    if start.whole_day and end.whole_day:
        # A day that ends on itself is written by programs that mean the whole of it.
        return _Length(days=max((end.local - start.local).days, 1))
    return _Length(seconds=max(end.epoch - start.epoch, 0))


def _lasting(start: Moment, written: str) -> _Length:
    span = _duration(written)
    if start.whole_day:
        return _Length(days=max(span.days, 1))
    if span <= timedelta():
        return _Length()
    # A day has 23 hours when the clocks go forward, and `PT24H` has 24 on every day.
    days = written.upper().partition("T")[0].strip()
    whole = _duration(days) if days.lstrip("+") != "P" else timedelta()
    return _Length(whole.days, int((span - whole).total_seconds()))


def _interval(start: Moment, length: _Length) -> Interval:
    begin = start.epoch
    last_day = start.at(start.local + timedelta(days=length.days)) if length.days else begin
    return begin, last_day + length.seconds


def _duration(text: str) -> timedelta:
    span = vDuration.from_ical(text)  # type: ignore[no-untyped-call]  # icalendar leaves it untyped
    if not isinstance(span, timedelta):
        message = "not a duration"
        raise TypeError(message)
    return span
