"""From an assignment to what is written down: one padded range per resource, in the order of locking."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.intervals import Interval, merged

from kursi_booking.domain.availability import Assignment, Use
from kursi_booking.domain.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class Claim:
    """One resource for one padded time range on behalf of a booking."""

    resource_id: UUID
    during: TimeRange


def claims_of(assignment: Assignment) -> tuple[Claim, ...]:
    """The padded claims of a visit, sorted by resource and then by time.

    Uses of one resource that touch are one claim, padded at its outer edges only; claims whose paddings would
    meet are one as well, because a booking must not exclude itself. All writers insert in this order, so that
    two bookings cannot wait for each other in a circle.
    """
    by_resource: dict[UUID, list[Use]] = {}
    for use in assignment.uses:
        by_resource.setdefault(use.resource_id, []).append(use)
    return tuple(
        Claim(resource_id, TimeRange.of_epoch(start, end))
        for resource_id in sorted(by_resource)
        for start, end in merged(_padded(by_resource[resource_id]))
    )


def _padded(uses: Iterable[Use]) -> list[Interval]:
    """Padded ranges of one resource, without the padding between uses that touch."""
    ordered = sorted(uses, key=lambda use: use.start)
    starts = {use.start for use in ordered}
    ends = {use.end for use in ordered}
    return [
        (
            use.start - (0 if use.start in ends else use.pad_before),
            use.end + (0 if use.end in starts else use.pad_after),
        )
        for use in ordered
    ]
