"""A picture of a salon, of a service or of a staff member."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

MOST_BYTES: Final = 10 * 1024 * 1024
"""What a phone's camera writes at its best settings, with room to spare."""
MOST_PIXELS: Final = 40_000_000
SIDES: Final[Mapping[str, int]] = {"thumbnail": 160, "small": 320, "medium": 640, "large": 1600}
"""Longest side in pixels by size: a list, a phone's row of pictures, a phone's screen, a laptop's."""
MOST_OF_A_SUBJECT: Final = 30
MOST_OF_A_SALON: Final = 300

SWEPT_AFTER: Final = timedelta(hours=1)
"""When what an upload left in the store is thrown away, if it did not become a photo. Far longer than a call may take."""
SAFETY: Final = timedelta(minutes=30)
"""An upload that comes so close to its being swept does not become a photo any more."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a photo shows: the salon, one of its services, or one of its staff members."""

    salon_id: UUID
    service_id: UUID | None = None
    staff_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """Width and height are those of the large picture. `position` orders the photos of one subject."""

    id: UUID
    subject: Subject
    position: int
    width: int
    height: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Developed:
    """A picture as it is kept: WebP by size, without anything of the original file."""

    width: int
    height: int
    pictures: Mapping[str, bytes]


def object_key(photo_id: UUID, size: str) -> str:
    """Where a picture is in the store."""
    return f"photos/{photo_id}/{size}.webp"
