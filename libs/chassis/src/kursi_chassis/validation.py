"""Reading what a caller sent: every helper returns a usable value and remembers what was wrong.

    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        note = check.text("note", request.note, max_length=500)

Leaving the block raises `Invalid` with everything that was found, so the stand-in values that a helper
returns for bad input (an empty text, the nil UUID, UTC) never reach a rule.
"""

import re
import unicodedata
import zoneinfo
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from types import TracebackType
from typing import Self
from uuid import UUID

from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.ids import is_id
from kursi_chassis.money import is_currency

NIL = UUID(int=0)
_UTC = zoneinfo.ZoneInfo("UTC")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
# What shows nothing on its own, or nothing but the dotted circle of a mark without its letter: marks, blanks, joiners,
# steering of direction. Controls are refused by themselves, and what Unicode does not know yet can be an emoji of tomorrow.
_UNSEEN_KINDS = frozenset({"Mn", "Mc", "Me", "Zs", "Zl", "Zp", "Cf"})
_BLANK = re.compile(
    "[\u115f\u1160\u3164\uffa0"  # fillers of Hangul
    "\u0640\u07fa"  # lengthen the letters around them
    "\u2800\U0001d159\U00013441\U00013442"  # of Braille, notes and hieroglyphs the ones that are blank
    "\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]"  # to be ignored, whatever they will once be
)
"""Letters and symbols by their kind, which look like none: a name needs something else."""
# Embeddings, overrides and isolates reorder what follows them on the screen; the single marks (U+200E,
# U+200F) and joiners belong to everyday Arabic and Persian text and stay allowed.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Controls, and Unicode's own breaks of lines and paragraphs (U+2028, U+2029): a name with one is no line.
_STEERING = frozenset({"Cc", "Zl", "Zp"})
# Bringing a text into NFC sorts the marks on a letter in quadratic time: 64,000 of them, which fit into one request,
# stop the event loop for 13 seconds. So what is too long however it is spelled (no character has more than four
# parts), or is no writing (Unicode's stream-safe format allows 30 marks), is refused before.
_LONGEST_SPELLING = 4
_MOST_MARKS = 30


class Violations:
    """Collects what is wrong with a request, field by field, to say all of it at once."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.raise_if_any()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, field: str, reason: str, **params: object) -> None:
        """Remember one violation, worded by the catalogue."""
        self._found.append(Violation(field, reason, params))

    def extend(self, violations: Collection[Violation]) -> None:
        """Remember violations that were made elsewhere."""
        self._found.extend(violations)

    def raise_if_any(self) -> None:
        """Raises: Invalid with everything found so far, if anything."""
        if self._found:
            raise Invalid(*self._found)

    def require(self, field: str, value: object) -> bool:
        """Whether there is a value (not None, not empty); otherwise REQUIRED."""
        present = value is not None and value not in ("", b"")
        if not present:
            self.add(field, "REQUIRED")
        return present

    def text(
        self, field: str, value: str, max_length: int, min_length: int = 0, *, lines: bool = False
    ) -> str:
        """The text in NFC without surrounding blanks; one of which nothing can be seen is empty.

        Lengths count characters. `lines` allows tabs and line breaks. More than thirty marks on one letter
        are MALFORMED: no language writes that.
        """
        given = value.strip()
        if len(given) > max_length * _LONGEST_SPELLING:
            self.add(field, "TOO_LONG", max=max_length)
            return ""
        if _piles_up_marks(given):
            self.add(field, "MALFORMED")
            return ""
        clean = _seen(unicodedata.normalize("NFC", given).strip())
        if not clean and min_length:
            self.add(field, "REQUIRED")
        elif len(clean) < min_length:
            self.add(field, "TOO_SHORT", min=min_length)
        elif len(clean) > max_length:
            self.add(field, "TOO_LONG", max=max_length)
        elif _has_control(clean, "\t\n\r\u2028\u2029" if lines else ""):
            self.add(field, "CONTROL_CHARACTERS")
        elif _BIDI.search(clean):
            self.add(field, "BIDI_OVERRIDE")
        else:
            return clean
        return ""

    def id(self, field: str, value: str) -> UUID:
        """A required id; the nil UUID stands in for a bad one."""
        return self.optional_id(field, value) or NIL if self.require(field, value) else NIL

    def optional_id(self, field: str, value: str) -> UUID | None:
        """An id that may be left empty."""
        if not value:
            return None
        if not is_id(value):
            self.add(field, "NOT_AN_ID")
            return NIL
        return UUID(value)

    def ids(self, field: str, values: Sequence[str], most: int) -> list[UUID]:
        """Up to `most` ids, violations by position."""
        self.count(field, values, most)
        return [self.id(f"{field}[{position}]", value) for position, value in enumerate(values[:most])]

    def count(self, field: str, values: Sequence[object], most: int, least: int = 0) -> None:
        """At least `least` (otherwise REQUIRED) and at most `most` entries (TOO_MANY)."""
        if len(values) > most:
            self.add(field, "TOO_MANY", max=most)
        elif len(values) < least:
            self.add(field, "REQUIRED")

    def integer(self, field: str, value: int, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        if not low <= value <= high:
            self.add(field, "OUT_OF_RANGE", min=low, max=high)
            return low
        return value

    def choice(self, field: str, value: str, allowed: Collection[str]) -> str:
        """One of the allowed words."""
        if self.require(field, value) and value not in allowed:
            self.add(field, "UNKNOWN_VALUE")
        return value

    def matching(self, field: str, value: str, pattern: re.Pattern[str]) -> str:
        """A text that the pattern describes from end to end, otherwise MALFORMED."""
        if self.require(field, value) and not pattern.fullmatch(value):
            self.add(field, "MALFORMED")
        return value

    def time_zone(self, field: str, value: str) -> zoneinfo.ZoneInfo:
        """An IANA time zone by name; UTC stands in for a bad one."""
        if not self.require(field, value):
            return _UTC
        if value not in _time_zones():
            self.add(field, "NOT_A_TIME_ZONE")
            return _UTC
        return zoneinfo.ZoneInfo(value)

    def currency(self, field: str, value: str) -> str:
        """An active ISO 4217 code, upper case."""
        if self.require(field, value) and not is_currency(value):
            self.add(field, "NOT_A_CURRENCY")
        return value

    def language(self, field: str, value: str) -> str:
        """A language tag such as `ar`, `en-GB`, `zh-Hant-TW`."""
        if self.require(field, value) and not _LANGUAGE.fullmatch(value):
            self.add(field, "NOT_A_LANGUAGE")
        return value

    def period(self, field: str, start: datetime, end: datetime, longest: timedelta) -> None:
        """The half-open range is not empty and not longer than `longest`; `field` names its end."""
        if end <= start:
            self.add(field, "EMPTY_RANGE")
        elif end - start > longest:
            self.add(field, "RANGE_TOO_LONG", max=longest)

    def future(self, field: str, instant: datetime, now: datetime) -> None:
        """The instant is still to come."""
        if instant <= now:
            self.add(field, "IN_THE_PAST")


def _seen(text: str) -> str:
    """The text; an empty one when nothing of it can be seen. Almost every text is cleared by its first character."""
    is_seen = any(map(_shows, text))
    return text if is_seen else ""


def _shows(sign: str) -> bool:
    if _BIDI.match(sign):
        return True  # what is refused by itself is no empty text
    return unicodedata.category(sign) not in _UNSEEN_KINDS and not _BLANK.match(sign)


def _piles_up_marks(text: str) -> bool:
    if text.isascii():
        return False
    run = 0
    for sign in text:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run > _MOST_MARKS:
            return True
    return False


def _has_control(text: str, allowed: str) -> bool:
    # What can be printed is no control character; almost every text is cleared at once.
    return not text.isprintable() and any(
        unicodedata.category(sign) in _STEERING and sign not in allowed for sign in text
    )


@cache
def _time_zones() -> frozenset[str]:
    """The names are read from disk once; ZoneInfo itself would also open paths that a caller makes up."""
    # Files that lie beside the zones: the zone of this very machine, and a placeholder.
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory"})
