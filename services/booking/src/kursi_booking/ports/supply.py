"""What salons sell, who works when, and what is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval

from kursi_booking.domain.salon import SalonContext
from kursi_booking.domain.start_rule import Limits

DayRange = tuple[date, date]
"""Local days, the last one included."""


class Catalog(Protocol):
    """What salons sell and when their people work."""

    async def context(
        self, salon_id: UUID, service_ids: frozenset[UUID], start: int, end: int
    ) -> SalonContext:
        """The salon with these services, everybody who performs them, and working time in at most 63 days.

        Raises: SalonNotFound, ServiceNotFound; CatalogUnavailable when it is silent and nothing was kept.
        """
        ...

    async def expect_staff(self, salon_id: UUID, staff_id: UUID, start: int, end: int) -> None:
        """Ask whether the salon has this staff member. Raises: StaffNotFound, CatalogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose time is asked about, and when; `own_booking` does not count, neither its claims nor itself."""

    unit_ids: Sequence[UUID]
    during: Interval
    now: datetime
    salon_id: UUID
    customer_id: UUID | None
    own_booking: UUID | None


@dataclass(frozen=True, slots=True)
class Taken:
    """Padded claims by person or thing, in epoch seconds, and how many open bookings the customer has."""

    busy: Mapping[UUID, Sequence[Interval]]
    active: int = 0


class Occupancy(Protocol):
    """Who and what is taken."""

    async def __call__(self, wanted: Wanted) -> Taken:
        """What keeps these people and things busy now; a hold that is over does not."""
        ...


@dataclass(frozen=True, slots=True)
class CountedDays:
    """On which days of the salon's zone visits are counted, of the salon and of these people; `own_booking` does not
    count.
    """

    salon_id: UUID
    staff_ids: Sequence[UUID]
    days: DayRange
    zone: ZoneInfo
    own_booking: UUID | None


@dataclass(frozen=True, slots=True)
class DayCounts:
    """How many visits begin on a day, and in how many somebody has a part; days without any are not there."""

    by_day: Mapping[date, int] = field(default_factory=dict)
    by_staff_day: Mapping[tuple[UUID, date], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayRoom:
    """The room that a visit needs on the local day on which it starts, under the limits of its services.

    `people` are all who have a part in it; `own_booking` is being moved and does not count.
    """

    salon_id: UUID
    zone: ZoneInfo
    day: date
    people: Sequence[UUID]
    limits: Limits
    own_booking: UUID | None

    def is_left(self, counts: DayCounts) -> bool:
        """Whether one more visit keeps the limits."""
        per_day, per_staff_day = self.limits.per_day, self.limits.per_staff_day
        if per_day is not None and counts.by_day.get(self.day, 0) >= per_day:
            return False
        on_day = counts.by_staff_day
        return per_staff_day is None or all(
            on_day.get((person, self.day), 0) < per_staff_day for person in self.people
        )


class StaffDays(Protocol):
    """What is booked day by day."""

    async def __call__(self, wanted: CountedDays) -> DayCounts:
        """How many visits there are per day, and per staff member and day."""
        ...
