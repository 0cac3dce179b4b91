"""The variables of templates, made from facts: names, dates, times and amounts in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from babel.dates import format_date, format_time, format_timedelta, get_timezone_gmt, get_timezone_location
from babel.lists import format_list
from babel.numbers import format_currency
from kursi_chassis.money import exponent

from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.people import LANGUAGES, zone_of
from kursi_messaging.domain.series import visits_of
from kursi_messaging.rendering.bidi import plain

_LOCALES: Final = {language: Locale(language) for language in LANGUAGES}
"""Babel would look each up by its name, a dozen times for every message."""
_GUEST: Final = {"en": "Guest", "ar": "ضيفنا الكريم"}
_SALON: Final = {"en": "the salon", "ar": "الصالون"}
_AT: Final = {"en": "{date} at {time}", "ar": "{date}، {time}"}
_YOUR_TIME: Final = {"en": "{time} {city} time", "ar": "{time} بتوقيت {city}"}
_FROM_TO: Final = {"en": "{start} to {end}", "ar": "{start} إلى {end}"}
_COMMA: Final = {"en": ", ", "ar": "، "}
_VISITS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"one": "{n} visit", "other": "{n} visits"},
    # As objects: templates say that somebody booked or cancelled them.
    "ar": {
        "one": "موعدًا واحدًا", "two": "موعدين", "few": "{n} مواعيد", "many": "{n} موعدًا", "other": "{n} موعد",
    },
}  # fmt: skip
_OF_SERIES: Final = ("visit_count", "first_when", "last_when", "dates")
_FEWEST_DATES, _MOST_DATES = 3, 12
"""Of how many visits a short text lists the dates: two stand there as the first and the last, and more than a
dozen would fill half a dozen text messages."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u200f": None, "\u200e": None})
"""Babel separates with spaces that the alphabet of an SMS lacks: one would more than halve its length."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language of the text, and the clock on their wall."""

    language: str
    zone: ZoneInfo


def variables(facts: Facts, reader: Reader, names: Collection[str]) -> dict[str, str]:
    """Those of the `names` that a template may name, as plain text; empty where the facts say nothing.

    A text message names a handful, and dates and amounts are most of the work of writing one.

    `facts` are those of the event on top of those of its booking:
    `salon_names`, `items[].service_names` and `items[].staff_names` by language; `time_zone`, `start`, `end`,
    `previous_start`, `until`; `total`, `fee`, `refund`, `amount` as money; `reference`, `state`,
    `reason`, `offset_minutes`, `subject`, `body`, and the names of people. In place of `start` and `end`
    `part_start` and `part_end` for whoever does a part of the visit. Of a series `visits[].start`, or `.part_start`.
    """
    language = reader.language
    zone = zone_of(_text(facts, "time_zone"))
    makers: dict[str, Callable[[], str]] = {
        "recipient_name": lambda: _text(facts, "recipient_name") or _GUEST[language],
        "customer_name": lambda: _text(facts, "customer_name") or _GUEST[language],
        "salon_name": lambda: _name(facts.get("salon_names"), language) or _SALON[language],
        "service_names": lambda: _names(facts, "service_names", language),
        "staff_names": lambda: _names(facts, "staff_names", language),
        "when": lambda: _when(facts, _start(facts), zone, reader),
        "previous_when": lambda: _previous_when(facts, zone, reader),
        "clash_times": lambda: _clash_times(facts, zone, language),
        **{name: partial(_of_series, name, facts, zone, reader) for name in _OF_SERIES},
        "until": lambda: _when(facts, "until", zone, reader),
        "duration": lambda: _duration(facts, language),
        "offset": lambda: _offset(facts, language),
        "total_price": lambda: _money(facts.get("total"), language),
        **{name: partial(_money, facts.get(name), language) for name in ("fee", "refund", "amount")},
        "reference": lambda: _text(facts, "reference"),
        "reason": lambda: _text(facts, "reason"),
        "state": lambda: _text(facts, "state"),
        "subject": lambda: _text(facts, "subject"),
    }
    return {name: make() for name, make in makers.items() if name in names}


def visit_times(facts: Facts, reader: Reader) -> list[str]:
    """When each visit of a series is; empty for a message about something else."""
    zone = zone_of(_text(facts, "time_zone"))
    return [_when(visit, _start(visit), zone, reader) for visit in visits_of(facts)]


def _of_series(name: str, facts: Facts, zone: ZoneInfo, reader: Reader) -> str:
    """How many visits, the first, the last where there are several, or their dates where they are few."""
    visits = visits_of(facts)
    match name:
        case "visit_count" if visits:
            return count_of_visits(len(visits), reader.language)
        case "first_when" if visits:
            return _when(visits[0], _start(visits[0]), zone, reader)
        case "last_when" if len(visits) > 1:
            return _when(visits[-1], _start(visits[-1]), zone, reader)
        case "dates" if _FEWEST_DATES <= len(visits) <= _MOST_DATES:
            starts = [start for visit in visits if (start := _instant(visit, _start(visit)))]
            return _COMMA[reader.language].join(
                _date(start.astimezone(zone), reader.language) for start in starts
            )
        case _:
            return ""


def _date(local: datetime, language: str) -> str:
    return format_date(local, "d MMM", locale=_LOCALES[language])


def count_of_visits(number: int, language: str) -> str:
    """So many visits, in the form that the language has for the number."""
    forms = _VISITS[language]
    return forms.get(_LOCALES[language].plural_form(number), forms["other"]).format(n=number)


def _start(facts: Facts) -> str:
    """The fact that says when it begins for the reader."""
    return "part_start" if "part_start" in facts else "start"


def _previous_when(facts: Facts, zone: ZoneInfo, reader: Reader) -> str:
    """When it was before; for whoever does a part of the visit that part, which moved as the visit did."""
    start, part, previous = (_instant(facts, name) for name in ("start", "part_start", "previous_start"))
    if start and part and previous:
        facts = {"previous_start": (previous + (part - start)).isoformat()}
    return _when(facts, "previous_start", zone, reader)


def _clash_times(facts: Facts, zone: ZoneInfo, language: str) -> str:
    start, end = _instant(facts, "clash_start"), _instant(facts, "clash_end")
    if start is None or end is None:
        return ""
    return _FROM_TO[language].format(
        start=_time(start.astimezone(zone), language), end=_time(end.astimezone(zone), language)
    )


def _text(facts: Facts, name: str) -> str:
    value = facts.get(name)
    return plain(value) if isinstance(value, str) else ""


def _name(names: object, language: str) -> str:
    """The name in the reader's language, else in English, else in any."""
    if not isinstance(names, Mapping) or not names:
        return ""
    by_language = {str(tag).split("-")[0]: plain(name) for tag, name in sorted(names.items())}
    return by_language.get(language) or by_language.get("en") or next(iter(by_language.values()))


def _names(facts: Facts, name: str, language: str) -> str:
    items = facts.get("items")
    found = [_name(item.get(name), language) for item in items] if isinstance(items, list) else []
    distinct = list(dict.fromkeys(filter(None, found)))
    return format_list(distinct, locale=_LOCALES[language]) if distinct else ""


def _instant(facts: Facts, name: str) -> datetime | None:
    value = facts.get(name)
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _when(facts: Facts, name: str, zone: ZoneInfo, reader: Reader) -> str:
    """Date and time where the salon is, and the reader's own time beside it where theirs differs."""
    moment = _instant(facts, name)
    if moment is None:
        return ""
    here, there = moment.astimezone(zone), moment.astimezone(reader.zone)
    local = _date_and_time(here, reader.language)
    if here.utcoffset() == there.utcoffset():
        return local
    shown = (
        _time(there, reader.language)
        if here.date() == there.date()
        else _date_and_time(there, reader.language)
    )
    return f"{local} ({_with_zone(shown, there, reader)})"


def _with_zone(shown: str, local: datetime, reader: Reader) -> str:
    """A time with what people call its zone: a city, or the distance from Greenwich where none names it."""
    if reader.zone.key.startswith("Etc/") or "/" not in reader.zone.key:
        return f"{shown} {get_timezone_gmt(local, locale=_LOCALES[reader.language])}"
    return _YOUR_TIME[reader.language].format(time=shown, city=_city(reader.zone, reader.language))


@cache
def _city(zone: ZoneInfo, language: str) -> str:
    """The city that a zone is named after. Babel keeps some under the name that the zone had before (`Asia/Calcutta`), and
    takes all of a name for the city where it does not know better (`Argentina/Buenos Aires`).
    """
    locale, aliases = _LOCALES[language], get_global("zone_aliases")
    present = aliases.get(zone.key, zone.key)
    former = (name for name, successor in aliases.items() if successor == present)
    known = (locale.time_zones.get(name, {}).get("city") for name in (present, *former))
    city = next(filter(None, known), None)
    return city or get_timezone_location(zone, locale=locale, return_city=True).rpartition("/")[2]


def _date_and_time(local: datetime, language: str) -> str:
    date = format_date(local, "EEEE d MMMM", locale=_LOCALES[language])
    return _AT[language].format(date=date, time=_time(local, language)).translate(_SPACES)


def _time(local: datetime, language: str) -> str:
    return str(format_time(local, "short", tzinfo=local.tzinfo, locale=_LOCALES[language])).translate(_SPACES)


def _duration(facts: Facts, language: str) -> str:
    names = ("part_start", "part_end") if "part_start" in facts else ("start", "end")
    start, end = (_instant(facts, name) for name in names)
    return _span(end - start, language) if start and end else ""


def _offset(facts: Facts, language: str) -> str:
    minutes = facts.get("offset_minutes")
    return _span(timedelta(minutes=minutes), language) if isinstance(minutes, int) else ""


def _span(span: timedelta, language: str) -> str:
    """In the largest unit that says it exactly: 24 hours, 90 minutes, 3 days."""
    # The threshold keeps Babel from rounding up to the next larger unit.
    if span % _DAY == timedelta() and span >= 2 * _DAY:
        return format_timedelta(span, granularity="day", threshold=1e6, locale=_LOCALES[language])
    if span % _HOUR == timedelta() and span:
        return format_timedelta(span, granularity="hour", threshold=1e6, locale=_LOCALES[language])
    return format_timedelta(span, granularity="minute", threshold=1e6, locale=_LOCALES[language])


def _money(amount: object, language: str) -> str:
    """An amount with its currency; empty for none and for zero: nobody is told about nothing."""
    if not isinstance(amount, Mapping):
        return ""
    code, minor = amount.get("currency_code"), amount.get("amount_minor")
    if not isinstance(code, str) or not isinstance(minor, int) or minor == 0:
        return ""
    digits = exponent(code)
    # As many as ISO 4217 has: CLDR rounds dinars of Iraq and pounds of Lebanon to whole ones, as few pay in less.
    number = f"#,##0.{digits * '0'}".rstrip(".")
    pattern = f"¤¤ {number}" if language == "en" else f"{number} ¤"
    value = Decimal(minor).scaleb(-digits)
    shown = format_currency(value, code, pattern, locale=_LOCALES[language], currency_digits=False)
    return shown.translate(_SPACES)


def lines(values: Mapping[str, str], labels: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Label and value of those variables that say something."""
    return [(label, values[name]) for name, label in labels if values[name]]
