"""Keeping the order of words where Arabic and Latin meet.

A name or a time of the other direction rearranges what stands around it. Unicode's isolates (FSI … PDI) fence
it in; in HTML the same fence is the element `bdi`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

FSI: Final = "\u2068"
PDI: Final = "\u2069"
_CONTROLS: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_AT_HOME_IN_ARABIC: Final = frozenset({"R", "AL", "NSM", "WS"})


def isolate(value: str, *, right_to_left: bool) -> str:
    """The value, fenced in where it could rearrange a text of the given direction.

    In Arabic everything but plain Arabic words is; in English only what holds letters from right to left.
    Each fence costs two of the 70 signs of an SMS, so it is not put where it does nothing.
    """
    classes = {unicodedata.bidirectional(sign) for sign in value}
    crosses = classes - _AT_HOME_IN_ARABIC if right_to_left else classes & _RIGHT_TO_LEFT
    return f"{FSI}{value}{PDI}" if crosses else value


def plain(value: object) -> str:
    """A value on one line without signs that steer direction: those are ours to set."""
    return " ".join(_CONTROLS.sub("", str(value)).split())


def as_html(text: str) -> Markup:
    """A plain text as HTML: everything escaped, fences as `bdi`, lines kept."""
    safe = str(escape(text))
    return Markup(safe.replace(FSI, "<bdi>").replace(PDI, "</bdi>").replace("\n", "<br>"))  # noqa: S704 - escaped above


def without_isolates(text: str) -> str:
    """The text for places that show no fences, such as the subject of a mail."""
    return text.replace(FSI, "").replace(PDI, "")
