"""What a customer asks for: services back to back, each made of segments that need people and things.

Times in this module are seconds: durations and paddings as they are, positions counted from the visit's start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate
from uuid import UUID

from kursi_chassis.intervals import IntervalSet, merged

MAX_SERVICES = 8


class Kind(Enum):
    """Whether a requirement is met by a person or by a thing."""

    STAFF = "staff"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Requirement:
    """`count` resources of one pool during one segment, with preparation before and clean-up after.

    The pool is a staff role ("stylist") or a resource type ("chair"). Within one service the same pool means the
    same people or things in every segment that names it; two roles of one service are two different people.
    """

    kind: Kind
    pool: str
    count: int = 1
    pad_before: int = 0
    pad_after: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A phase of a service and what it keeps busy; none means that only the customer waits."""

    duration: int
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class RequestedService:
    """One service of the visit, and who or what may serve in each of its pools, best first.

    A customer who chose a person leaves exactly that id in the pool.
    """

    service_id: UUID
    segments: tuple[Segment, ...]
    eligible: Mapping[str, tuple[UUID, ...]]

    @property
    def duration(self) -> int:
        """Seconds from the first segment's start to the last one's end."""
        return sum(segment.duration for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Span:
    """One use of a resource inside a service: core time and the padding it needs around it."""

    start: int
    end: int
    pad_before: int
    pad_after: int


@dataclass(frozen=True, slots=True)
class Seat:
    """One place to be filled for the whole of a service: "the stylist", "the second chair"."""

    service_index: int
    kind: Kind
    pool: str
    eligible: tuple[UUID, ...]
    spans: tuple[Span, ...]
    at_start: bool
    at_end: bool

    def windows(self, *, joined_before: bool, joined_after: bool) -> tuple[tuple[int, int], ...]:
        """Padded ranges that must be free. A joined edge touches the same resource's neighbouring service.

        Between two services that touch on one resource nothing is prepared or cleaned: the padding there is
        dropped, and only the outer edges of the visit keep theirs.
        """
        last = len(self.spans) - 1
        return tuple(
            (
                span.start - (0 if index == 0 and joined_before else span.pad_before),
                span.end + (0 if index == last and joined_after else span.pad_after),
            )
            for index, span in enumerate(self.spans)
        )


@dataclass(frozen=True, eq=False)
class Visit:
    """One to eight services for one customer, in order. (No slots: the cached properties need a dict.)"""

    services: tuple[RequestedService, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.services) <= MAX_SERVICES:
            message = f"a visit has 1 to {MAX_SERVICES} services, not {len(self.services)}"
            raise ValueError(message)
        if any(segment.duration <= 0 for service in self.services for segment in service.segments):
            message = "a segment lasts some time"
            raise ValueError(message)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each service starts, and at the end where the visit ends."""
        return tuple(accumulate((service.duration for service in self.services), initial=0))

    @property
    def duration(self) -> int:
        """Seconds from the first service's start to the last one's end."""
        return self.offsets[-1]

    @cached_property
    def seats(self) -> tuple[Seat, ...]:
        """Every place to be filled, by service, then in the order in which segments name them."""
        return tuple(seat for index in range(len(self.services)) for seat in self._seats_of(index))

    def work_through(self, index: int) -> IntervalSet:
        """The padded ranges around a start at 0 in which somebody is at work who has all seats of the staff up to this one."""
        seats = [seat for seat in self.seats[: index + 1] if seat.kind is Kind.STAFF]
        last = len(seats) - 1
        return merged(
            window
            for number, seat in enumerate(seats)
            for window in seat.windows(joined_before=number > 0, joined_after=number < last)
        )

    def _seats_of(self, index: int) -> list[Seat]:
        service = self.services[index]
        spans: dict[tuple[Kind, str, int], list[Span]] = {}
        start = self.offsets[index]
        for segment in service.segments:
            end = start + segment.duration
            for need in segment.requirements:
                for number in range(need.count):
                    use = Span(start, end, need.pad_before, need.pad_after)
                    spans.setdefault((need.kind, need.pool, number), []).append(use)
            start = end
        return [
            Seat(
                service_index=index,
                kind=kind,
                pool=pool,
                eligible=service.eligible.get(pool, ()),
                spans=_joined(uses),
                at_start=uses[0].start == self.offsets[index],
                at_end=uses[-1].end == self.offsets[index + 1],
            )
            for (kind, pool, _), uses in spans.items()
        ]


def _joined(uses: list[Span]) -> tuple[Span, ...]:
    """Contiguous uses as one span, padded only at its outer edges."""
    result: list[Span] = []
    for use in uses:
        if result and result[-1].end == use.start:
            result[-1] = Span(result[-1].start, use.end, result[-1].pad_before, use.pad_after)
        else:
            result.append(use)
    return tuple(result)
