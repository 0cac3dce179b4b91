"""Times in which somebody, or the whole salon, is away: from one instant to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOff:
    id: UUID
    salon_id: UUID
    staff_id: UUID
    start_time: datetime
    end_time: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    id: UUID
    salon_id: UUID
    start_time: datetime
    end_time: datetime
    reasons: Mapping[str, str]
