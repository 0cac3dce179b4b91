"""A customer whom a salon booked by phone number before the person came."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody behind a number that nobody has proved to own; known to one salon."""

    id: UUID
    salon_id: UUID
    phone_number: str
    language_code: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach an account or a guest; `id` is the one that was asked for."""

    id: UUID
    phone_number: str | None
    email: str | None
    display_name: str
    language_code: str
    time_zone: str
