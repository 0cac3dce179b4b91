"""Bookings as iCalendar (RFC 5545), for calendars elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

from kursi_booking.domain.booking import Booking, Item
from kursi_booking.domain.state import State
from kursi_booking.domain.time_range import TimeRange

CONTENT_TYPE: Final = "text/calendar; charset=utf-8"
_REFRESH: Final = timedelta(hours=1)
_STATUS: Final = {
    State.HELD: "TENTATIVE",
    State.PENDING: "TENTATIVE",
    State.CANCELLED: "CANCELLED",
    State.EXPIRED: "CANCELLED",
}
_TITLE: Final = {"en": "Bookings", "ar": "الحجوزات"}
_COMMA: Final = {"en": ", ", "ar": "، "}


@dataclass(frozen=True, slots=True)
class CalendarView:
    """Whose calendar is written: of a customer, or with `staff_id` of who performs; in which language."""

    language: str
    staff_id: UUID | None = None


def write_calendar(bookings: Sequence[Booking], view: CalendarView, host: str) -> bytes:
    """A calendar with one event per booking. `host` makes the bookings' ids unique in the world.

    Nothing in it comes from the customer: no name, no number, no note, no reason.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Kursi//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", _TITLE[view.language])
    calendar.add("x-wr-calname", _TITLE[view.language])
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for zone, years in _zones(bookings).items():
        calendar.add_component(vtimezone(zone, *years))
    for booking in bookings:
        calendar.add_component(_event(booking, view, host))
    return bytes(calendar.to_ical())


def _zones(bookings: Sequence[Booking]) -> Mapping[str, tuple[int, int]]:
    """The zones that the events need, each with its first and last year."""
    years: dict[str, tuple[int, int]] = {}
    for booking in bookings:
        first, last = booking.during.start.year, booking.during.end.year
        known = years.get(booking.salon.time_zone, (first, last))
        years[booking.salon.time_zone] = (min(known[0], first), max(known[1], last))
    return years


def _event(booking: Booking, view: CalendarView, host: str) -> Event:
    items = _items(booking, view)
    zone = ZoneInfo(booking.salon.time_zone)
    salon = _named(booking.salon.names, view.language)
    services = _COMMA[view.language].join(_named(item.service_names, view.language) for item in items)
    during = TimeRange(items[0].during.start, items[-1].during.end)
    event = Event()
    event.add("uid", f"{booking.booking_id}@{host}")
    event.add("sequence", booking.revision)
    event.add("dtstamp", booking.updated_at.astimezone(UTC))
    event.add("last-modified", booking.updated_at.astimezone(UTC))
    event.add("created", booking.created_at.astimezone(UTC))
    event.add("dtstart", _written(during.start, zone))
    event.add("dtend", _written(during.end, zone))
    event.add("status", _STATUS.get(booking.state, "CONFIRMED"))
    event.add("summary", services if view.staff_id else f"{services} · {salon}")
    event.add("location", salon)
    event.add("description", "\n".join(_line(item, view.language) for item in items))
    return event


def _items(booking: Booking, view: CalendarView) -> Sequence[Item]:
    """What the owner of the calendar has to do with: what a staff member performs of a visit, or helps with."""
    own = [item for item in booking.items if view.staff_id in item.people]
    return own or booking.items


def _written(instant: datetime, zone: ZoneInfo) -> datetime:
    """The time on the salon's clock. Where that shows it for the second time, in UTC: readers take it for the first."""
    local = instant.astimezone(zone)
    return instant.astimezone(UTC) if local.fold else local


def _line(item: Item, language: str) -> str:
    service, person = _named(item.service_names, language), _named(item.staff_names, language)
    return f"{service}: {person}" if person else service


def _named(names: Mapping[str, str], language: str) -> str:
    return names.get(language) or names.get("en") or next(iter(names.values()), "")


@cache
def vtimezone(name: str, first_year: int, last_year: int) -> Timezone:
    """A zone with every change of its clock from the year before the first to the year after the last.

    Each change begins, as the format wants it, at the time that the old offset shows. The library's own description of
    a zone takes the new offset where clocks go forward, which puts the change an hour late.
    """
    zone = ZoneInfo(name)
    start = datetime(first_year - 1, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 2, 1, 1, tzinfo=UTC)
    timezone = Timezone()
    timezone.add("tzid", name)
    timezone.add_component(_observance(zone, start, start))
    day = start
    while day < end:
        following = day + timedelta(days=1)
        if _offset(zone, day) != _offset(zone, following):
            timezone.add_component(_observance(zone, _change(zone, day, following), day))
        day = following
    return timezone


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The second at which the clock changes between two instants, by halving."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after


def _observance(zone: ZoneInfo, instant: datetime, before: datetime) -> TimezoneStandard | TimezoneDaylight:
    """From `instant` on; `before` shows what was in force until then."""
    local = instant.astimezone(zone)
    observance = TimezoneDaylight() if local.dst() else TimezoneStandard()
    observance.add("dtstart", (instant + _offset(zone, before)).replace(tzinfo=None))
    observance.add("tzoffsetfrom", _offset(zone, before))
    observance.add("tzoffsetto", _offset(zone, instant))
    observance.add("tzname", local.tzname() or zone.key)
    return observance


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
