"""One business location: the tenant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from kursi_catalog.domain.kept import Kept

SLUG = re.compile(r"[a-z0-9-]{3,60}")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_LONGEST_FROM_NAME = 50


class Serves(StrEnum):
    EVERYBODY = "everybody"
    WOMEN = "women"
    MEN = "men"
    FAMILIES = "families"


class SalonStatus(StrEnum):
    DRAFT = "draft"
    LIVE = "live"
    SUSPENDED = "suspended"


class Location(NamedTuple):
    """Degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Rating:
    """How many published ratings there are, and their sum."""

    count: int = 0
    total: int = 0

    @property
    def average_hundredths(self) -> int:
        """The average, rounded half up; 0 without ratings."""
        return (200 * self.total + self.count) // (2 * self.count) if self.count else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Salon(Kept):
    """`version` counts every change of anything in the salon, `revision` those of its own fields."""

    slug: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    address: str
    city: str
    territory_code: str
    location: Location | None
    phone_number: str
    time_zone: str
    currency_code: str
    serves: Serves
    amenities: tuple[str, ...]
    status: SalonStatus
    version: int = 0
    rating: Rating = Rating()

    @property
    def is_public(self) -> bool:
        """Whether people who are not members of the salon may know of it."""
        return self.status is SalonStatus.LIVE and self.archive_time is None


def slug_from(names: Mapping[str, str]) -> str:
    """A short name out of the first name that has Latin letters; `salon` when none has."""
    for language in sorted(names, key=lambda tag: tag != "en"):
        slug = _NOT_IN_SLUG.sub("-", names[language].lower()).strip("-")[:_LONGEST_FROM_NAME].strip("-")
        if SLUG.fullmatch(slug):
            return slug
    return "salon"


def distinguished(slug: str, salon_id: UUID) -> str:
    """The short name with a part of the id, for when the plain one is taken."""
    return f"{slug}-{salon_id.hex[-8:]}"
