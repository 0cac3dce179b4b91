"""Which language and which clock a message uses."""

from __future__ import annotations

import zoneinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

LANGUAGES: Final = ("ar", "en")
"""What messages are written in; the template set has a file for each."""


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def language_of(*chain: str) -> str:
    """The first language of the chain (recipient, salon, platform) that messages are written in.

    Tags are matched by their language alone: `ar-SA` is Arabic. English when none fits.
    """
    for tag in chain:
        language = tag.replace("_", "-").split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"


def zone_of(*chain: str) -> ZoneInfo:
    """The first name of the chain (recipient, salon, platform) that is an IANA zone; UTC when none is."""
    for name in chain:
        if name in _zone_names():
            return ZoneInfo(name)
    return ZoneInfo("UTC")
