"""What the terminal shows: short lines for people, or one JSON object per line for machines."""

from __future__ import annotations

import json
import os
import sys
import time

_COLOURS = {"ready": "32", "ended": "31", "stopped": "2"}
_UNREMARKABLE = ("preparing", "starting", "stopping")


class Console:
    """One line per fact, with the seconds since the start. Colours only on a terminal that wants them."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._colourful = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, name: str, fact: str) -> None:
        """A fact about one process."""
        if self._as_json:
            self._line(json.dumps({"seconds": round(self.seconds, 3), "process": name, "fact": fact}))
        elif fact not in _UNREMARKABLE:
            self._line(f"{self.seconds:6.1f} s  {name:<12} {self._coloured(fact)}")

    def say(self, text: str, **facts: object) -> None:
        """Something about the platform as a whole; machines get the facts, people the text."""
        if self._as_json:
            self._line(json.dumps({"seconds": round(self.seconds, 3), "text": text, **facts}))
        else:
            self._line(text)

    def _coloured(self, fact: str) -> str:
        colour = _COLOURS.get(fact.split(maxsplit=1)[0])
        return f"\033[{colour}m{fact}\033[0m" if self._colourful and colour else fact

    def _line(self, text: str) -> None:
        print(text, flush=True)
