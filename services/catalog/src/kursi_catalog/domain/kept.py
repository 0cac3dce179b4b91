"""What everything that the catalog keeps has in common."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A thing with an id and a history. `revision` counts its changes from 1 and makes its etag."""

    id: UUID
    revision: int
    create_time: datetime
    update_time: datetime
    archive_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInSalon(Kept):
    """A thing that belongs to one salon for good."""

    salon_id: UUID
