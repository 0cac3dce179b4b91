"""Who serves a customer who does not mind whom: whoever has fallen furthest behind their fair share."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Load:
    """What one staff member is booked for on the days that are compared, and when they were last chosen."""

    minutes: int
    last_booked_at: datetime


@dataclass(frozen=True, slots=True)
class Workload:
    """What one staff member was booked for in the period that is compared.

    `worked_minutes` is the time they were there to be booked: less for somebody who joined during the period or was
    away, so that they are neither flooded to catch up nor punished for a holiday.
    """

    staff_id: UUID
    booked_minutes: int
    worked_minutes: int
    last_booked_at: datetime | None = None


def by_fairness(workloads: Iterable[Workload]) -> list[UUID]:
    """Staff ids, who should be asked first in front.

    Ranks by shortfall, the booked minutes that a person's share of all working time would have given them minus those
    they have; then by the longest time without a booking, never booked first; then by id. The answer does not depend
    on the order of the input.
    """
    people = list(workloads)
    booked = sum(person.booked_minutes for person in people)
    worked = sum(person.worked_minutes for person in people)

    def rank(person: Workload) -> tuple[int, float, UUID]:
        # Both sides of the difference times `worked`, so that it stays whole and exact.
        surplus = person.booked_minutes * worked - booked * person.worked_minutes
        last = person.last_booked_at.timestamp() if person.last_booked_at else float("-inf")
        return surplus, last, person.staff_id

    return [person.staff_id for person in sorted(people, key=rank)]
