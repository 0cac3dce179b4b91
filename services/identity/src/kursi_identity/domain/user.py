"""A person with an account."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.validation import Violations

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account, reachable by a verified phone number, e-mail address, or both."""

    id: UUID
    phone_number: str | None
    email: str | None
    display_name: str
    language_code: str
    time_zone: str
    revision: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person says about themselves; empty texts say nothing."""

    display_name: str = ""
    language_code: str = ""
    time_zone: str = ""


def read_profile(
    check: Violations, prefix: str, *, display_name: str, language_code: str, time_zone: str
) -> Profile:
    """Read what a person says about themselves; `prefix` is the path of the message that holds the fields."""
    return Profile(
        display_name=check.text(f"{prefix}.display_name", display_name, max_length=LONGEST_NAME),
        language_code=check.language(f"{prefix}.language_code", language_code) if language_code else "",
        time_zone=check.time_zone(f"{prefix}.time_zone", time_zone).key if time_zone else "",
    )
