"""Feeds: calendars of bookings that somebody subscribes to by a secret address."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

LANGUAGES: Final = ("ar", "en")
MOST_FEEDS: Final = 10
"""Of one customer, or of one staff member: a person has a phone, a laptop and a partner."""
MOST_EVENTS: Final = 2_000
"""A busy barber has some 1,500 visits in 90 days. Writing 2,000 takes half a second of one processor."""
_BACK: Final = timedelta(days=90)
_AHEAD: Final = timedelta(days=400)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class StaffPlace:
    """A staff member in their salon."""

    salon_id: UUID
    staff_id: UUID


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """Whose bookings a feed has: those of `staff`, or without it those of the customer who is its owner.

    The owner of a staff member's feed is their linked account; None when they had none.
    """

    feed_id: UUID
    staff: StaffPlace | None
    owner_id: UUID | None
    created_by: UUID
    language: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a feed has visits, by their start."""

    start: datetime
    end: datetime


def span(now: datetime) -> Span:
    """Far enough back that a cancellation is seen by a calendar that was switched off, as far ahead as anybody books."""
    return Span(now - _BACK, now + _AHEAD)


def new_token() -> str:
    """A secret of 256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether this can be a secret of a feed."""
    return _TOKEN.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """What is kept of a secret. A plain hash will do: 256 random bits are not guessed."""
    return hashlib.sha256(token.encode()).digest()
