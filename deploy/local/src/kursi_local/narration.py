"""Telling a person what happened: short lines, at most 80 columns, Arabic readable on terminals of either kind."""

from __future__ import annotations

import os
import re
import sys
import textwrap
import unicodedata
from datetime import datetime
from typing import Any  # Any: JSON is untyped
from zoneinfo import ZoneInfo

from kursi_chassis.money import exponent

WIDTH = 80
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{8}([0-9a-f]{4})")
_RIGHT_TO_LEFT_ISOLATE, _POP_ISOLATE = "\u2067", "\u2069"
_LINES = 4
_DIM, _BOLD, _GREEN, _YELLOW = "2", "1", "32", "33"


class Narrator:
    """Prints the story. Colours only on a terminal that wants them."""

    def __init__(self) -> None:
        self._colourful = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._chapters = 0

    def title(self, text: str) -> None:
        """A heading."""
        self._print(f"\n{self._coloured(_BOLD, text)}")

    def chapter(self, text: str) -> None:
        """What somebody does next."""
        self._chapters += 1
        self._print()
        self._wrapped(text, f"{self._chapters:>2}. ", _BOLD)

    def call(self, verb: str, path: str, answer: str) -> None:
        """A request and what came back; ids are cut to their ends."""
        self._wrapped(f"{verb} {shortened(path)}", "    ", _DIM)
        self._wrapped(answer, "      → ")

    def message(self, channel: str, to: str, text: str) -> None:
        """A message as it arrived; of a long one, the beginning."""
        self._wrapped(f"{channel} to {to}", "    ✉ ", _GREEN)
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines[:_LINES]:
            self._wrapped(line, "      │ ")
        if len(lines) > _LINES:
            self._wrapped(f"… and {len(lines) - _LINES} more lines", "      │ ", _DIM)

    def fact(self, text: str) -> None:
        """What is worth knowing besides."""
        self._wrapped(text, "    • ")

    def warning(self, text: str) -> None:
        """What went wrong."""
        self._wrapped(text, "    ! ", _YELLOW)

    def line(self, text: str = "") -> None:
        """Anything else, as it is."""
        self._print(text)

    def _wrapped(self, text: str, first: str, colour: str = "") -> None:
        rest = first if "│" in first else " " * len(first)
        for index, part in enumerate(textwrap.wrap(text, WIDTH - len(first)) or [""]):
            self._print(f"{rest if index else first}{self._coloured(colour, directed(part))}")

    def _coloured(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colourful and colour else text

    def _print(self, text: str = "") -> None:
        print(text, flush=True)


def directed(text: str) -> str:
    """The line, marked as right-to-left when its first letter is, so that a terminal shows it in order."""
    kinds = (unicodedata.bidirectional(character) for character in text)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return text if first == "L" else f"{_RIGHT_TO_LEFT_ISOLATE}{text}{_POP_ISOLATE}"


def shortened(text: str) -> str:
    """The text with ids cut to their last four digits."""
    return _ID.sub(r"…\1", text)


def money(amount: dict[str, Any]) -> str:
    """`320.00 SAR`."""
    digits = exponent(amount["currencyCode"])
    return f"{int(amount.get('amountMinor', 0)) / 10**digits:,.{digits}f} {amount['currencyCode']}"


def in_zone(instant: str, zone: ZoneInfo) -> str:
    """`Sun 22 Nov 16:00`, of an instant in UTC."""
    return local(datetime.fromisoformat(instant).astimezone(zone).isoformat())


def local(start: str) -> str:
    """`Sun 22 Nov 16:00`, of a local time with its offset."""
    return datetime.fromisoformat(start).strftime("%a %d %b %H:%M")
