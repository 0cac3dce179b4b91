"""What a salon sells, who performs it and when they work: as much of it as decides about bookings.

Times are epoch seconds, durations seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval, IntervalSet, merged
from kursi_chassis.money import Money

from kursi_booking.domain.policy import PolicySnapshot
from kursi_booking.domain.start_rule import Limits, SlotRules
from kursi_booking.domain.visit import Kind, Requirement, Segment

WAITLIST_OFFER = timedelta(minutes=10)
"""How long freed time is kept for somebody who waits, where a catalog of before that policy says nothing."""

STAFF_POOL = "STAFF"
"""The pool of a service's performers. Kinds of resources are written in lower case, so none is called like it."""
ASSISTANTS_POOL = "ASSISTANTS"
"""The pool of those who work beside the performer where a service needs several people at once."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a service and what is busy in it: one unit of each entry of `kinds`, and perhaps performers:
    `people` of them at once.
    """

    duration: int
    needs_staff: bool
    kinds: tuple[str, ...] = ()
    people: int = 1


@dataclass(frozen=True, slots=True)
class AddOn:
    """Something small that can be added to a service."""

    duration: int
    price: Money


@dataclass(frozen=True, slots=True)
class OwnTerms:
    """What is different when a certain person performs a service; None where nothing is."""

    price: Money | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class SalonService:
    """A service that can be booked, with the rules in force for it."""

    service_id: UUID
    names: Mapping[str, str]
    parts: tuple[Part, ...]
    pad_before: int
    pad_after: int
    price: Money
    add_ons: Mapping[UUID, AddOn]
    performers: Mapping[UUID, OwnTerms]
    slots: SlotRules
    terms: PolicySnapshot
    limits: Limits
    waitlist_offer: timedelta = WAITLIST_OFFER

    @property
    def duration(self) -> int:
        """How long it takes without add-ons, unless its performer has a time of their own."""
        return sum(part.duration for part in self.parts)

    @property
    def needs_assistants(self) -> bool:
        """Whether several people work at once."""
        return any(part.needs_staff and part.people > 1 for part in self.parts)

    def price_by(self, staff_id: UUID, add_on_ids: Sequence[UUID]) -> Money:
        """What it costs with the add-ons when this person performs it."""
        return _sum(self.performers[staff_id].price or self.price, self.add_ons, add_on_ids)

    def price_with(self, add_on_ids: Sequence[UUID]) -> Money:
        """What it costs with the add-ons, at its own price."""
        return _sum(self.price, self.add_ons, add_on_ids)

    def added_time(self, add_on_ids: Sequence[UUID]) -> int:
        """How much longer it takes with the add-ons. Those that are not sold any more take nothing."""
        return sum(self.add_ons[add_on].duration for add_on in add_on_ids if add_on in self.add_ons)

    def segments(self, duration: int, add_on_ids: Sequence[UUID]) -> tuple[Segment, ...]:
        """The service as the slot engine reads it, add-ons at its end.

        `duration` is that of the performer: one who has a time of their own performs the whole service, which has
        one part then. Preparation keeps whatever the first part needs, and clean-up what the last one needs.
        """
        parts = self.parts if duration == self.duration else (_resized(self.parts[0], duration),)
        extra = self.added_time(add_on_ids)
        return tuple(self._padded([*_with_work_at_the_end(parts, extra)]))

    def _padded(self, parts: Sequence[Part]) -> Iterator[Segment]:
        for index, part in enumerate(parts):
            before = self.pad_before if index == 0 else 0
            after = self.pad_after if index == len(parts) - 1 else 0
            pools = [(STAFF_POOL, 1), (ASSISTANTS_POOL, part.people - 1)] if part.needs_staff else []
            staff = [Requirement(Kind.STAFF, pool, number, before, after) for pool, number in pools if number]
            things = [
                Requirement(Kind.RESOURCE, kind, part.kinds.count(kind), before, after)
                for kind in dict.fromkeys(part.kinds)
            ]
            yield Segment(part.duration, (*staff, *things))


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who performs services, since `joined` where that is known."""

    names: Mapping[str, str]
    user_id: UUID | None
    bookable_online: bool
    joined: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SalonContext:
    """A salon as the catalog described it at `as_of`; known by its identity, so that answers about it can be kept.

    `working` tells when each staff member works within `window`; things are always there. Equal versions mean
    equal content. `stale` means that the catalog was asked for something newer and did not answer. `shortest` is the
    least time that any service of the salon keeps somebody. Prices are in `currency_code`.
    """

    salon_id: UUID
    version: int
    window: Interval
    names: Mapping[str, str]
    zone: ZoneInfo
    territory_code: str
    is_live: bool
    services: Mapping[UUID, SalonService]
    staff: Mapping[UUID, StaffMember]
    working: Mapping[UUID, IntervalSet]
    resources: Mapping[str, tuple[UUID, ...]]
    as_of: datetime
    stale: bool = False
    shortest: int = 0
    currency_code: str = ""

    def covers(self, start: int, end: int) -> bool:
        """Whether working time is known for the whole range."""
        return self.window[0] <= start and end <= self.window[1]


def working_in_both(first: SalonContext, second: SalonContext) -> Mapping[UUID, IntervalSet]:
    """Working time over two windows that meet, as if they had been asked for at once."""
    return {
        unit: merged((*first.working.get(unit, ()), *second.working.get(unit, ())))
        for unit in {*first.working, *second.working}
    }


def _sum(price: Money, add_ons: Mapping[UUID, AddOn], chosen: Sequence[UUID]) -> Money:
    for add_on in chosen:
        if add_on in add_ons:
            price += add_ons[add_on].price
    return price


def _resized(part: Part, duration: int) -> Part:
    return Part(duration, part.needs_staff, part.kinds, part.people)


def _with_work_at_the_end(parts: tuple[Part, ...], extra: int) -> tuple[Part, ...]:
    """Add-ons are work: they prolong the last part, or follow it when nobody is needed there."""
    if not extra:
        return parts
    last = parts[-1]
    if last.needs_staff:
        return (*parts[:-1], _resized(last, last.duration + extra))
    return (*parts, Part(extra, needs_staff=True, kinds=last.kinds))
