"""Somebody whom a salon books by phone number."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WalkIn:
    """The person as the salon typed them; without a language it is the caller's."""

    phone_number: str
    display_name: str
    language_code: str


@dataclass(frozen=True, slots=True)
class JoinedGuest:
    """The person behind the number came: `user_id` takes the place of `guest_id`."""

    guest_id: UUID
    salon_id: UUID
    user_id: UUID
    at: datetime
