"""What is sold: a name, a duration, buffers, a price."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from kursi_chassis.errors import Violation
from kursi_chassis.money import Money

from kursi_catalog.domain.kept import KeptInSalon

LONGEST = timedelta(hours=24)


class Place(StrEnum):
    IN_SALON = "in_salon"
    AT_CUSTOMER = "at_customer"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part during which the same people and things are busy; one unit of each entry of the kinds.

    Where staff is needed, `staff_count` of the performers are busy at once.
    """

    duration: timedelta
    needs_staff: bool
    resource_kinds: tuple[str, ...] = ()
    staff_count: int = 1


@dataclass(frozen=True, slots=True)
class AddOn:
    """Something small to go with the service. Without an id it is new."""

    id: UUID | None
    names: Mapping[str, str]
    duration: timedelta
    price: Money


@dataclass(frozen=True, slots=True)
class Performer:
    """Who performs it, with what is different for them."""

    staff_id: UUID
    price: Money | None = None
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(KeptInSalon):
    """A `duration` of None is filled in by `settled`: the sum of the segments."""

    category: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    duration: timedelta | None
    buffer_before: timedelta
    buffer_after: timedelta
    price: Money | None
    segments: tuple[Segment, ...]
    add_ons: tuple[AddOn, ...]
    performers: tuple[Performer, ...]
    place: Place
    meeting_link: str
    active: bool


def settled(service: Service, new_id: Callable[[], UUID]) -> Service:
    """The service with what follows from the rest: its duration from its segments, ids for new add-ons."""
    add_ons = tuple(replace(extra, id=extra.id or new_id()) for extra in service.add_ons)
    duration = service.duration
    if duration is None and service.segments:
        duration = _total(service.segments)
    return replace(service, duration=duration, add_ons=add_ons)


def violations_of(service: Service, before: Service | None, currency_code: str) -> Iterator[Violation]:
    """What is wrong with a service as a whole, whatever each of its fields looks like alone."""
    yield from _wrong_durations(service)
    yield from _wrong_teams(service)
    yield from _wrong_prices(service, currency_code)
    yield from _wrong_members(service, before)


def _wrong_durations(service: Service) -> Iterator[Violation]:
    total = _total(service.segments)
    if service.duration is None:
        if not service.segments:
            yield Violation("service.duration", "REQUIRED")
        elif total > LONGEST:
            yield Violation("service.segments", "OUT_OF_RANGE", {"min": timedelta(minutes=1), "max": LONGEST})
    elif service.segments and service.duration != total:
        yield Violation("service.duration", "NOT_SUM_OF_SEGMENTS", {"total": total})
    yield from _wrong_own_times(service)


def _wrong_own_times(service: Service) -> Iterator[Violation]:
    """Whoever has a time of their own performs the whole service, alone."""
    needs_several = any(segment.staff_count > 1 for segment in service.segments)
    if len(service.segments) > 1 or needs_several:
        reason = "NEEDS_ONE_PERFORMER" if needs_several else "NEEDS_ONE_SEGMENT"
        for position, performer in enumerate(service.performers):
            if performer.duration is not None:
                yield Violation(f"service.performers[{position}].duration", reason)


def _wrong_teams(service: Service) -> Iterator[Violation]:
    if service.segments and not any(one.needs_staff or one.resource_kinds for one in service.segments):
        # Any number of customers could have it at once: there is nothing that a booking would take.
        yield Violation("service.segments", "KEEPS_NOTHING_BUSY")
    for position, segment in enumerate(service.segments):
        if segment.staff_count > 1 and not segment.needs_staff:
            yield Violation(f"service.segments[{position}].staff_count", "NEEDS_STAFF")


def _wrong_prices(service: Service, currency_code: str) -> Iterator[Violation]:
    if service.price is None:
        yield Violation("service.price", "REQUIRED")
    prices = {
        "service.price": service.price,
        **{f"service.add_ons[{n}].price": extra.price for n, extra in enumerate(service.add_ons)},
        **{f"service.performers[{n}].price": one.price for n, one in enumerate(service.performers)},
    }
    for field, price in prices.items():
        if price is not None and price.currency_code != currency_code:
            yield Violation(f"{field}.currency_code", "OTHER_CURRENCY", {"currency": currency_code})


def _wrong_members(service: Service, before: Service | None) -> Iterator[Violation]:
    known = {extra.id for extra in before.add_ons} if before else set()
    seen: set[UUID] = set()
    for position, extra in enumerate(service.add_ons):
        if extra.id is None:
            continue
        if extra.id not in known:
            yield Violation(f"service.add_ons[{position}].id", "UNKNOWN_ADD_ON")
        elif extra.id in seen:
            yield Violation(f"service.add_ons[{position}].id", "DUPLICATE")
        seen.add(extra.id)
    performing: set[UUID] = set()
    for position, performer in enumerate(service.performers):
        if performer.staff_id in performing:
            yield Violation(f"service.performers[{position}].staff_id", "DUPLICATE")
        performing.add(performer.staff_id)


def _total(segments: tuple[Segment, ...]) -> timedelta:
    return sum((segment.duration for segment in segments), timedelta())
