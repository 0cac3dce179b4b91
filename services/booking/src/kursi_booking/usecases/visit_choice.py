"""From what somebody asks for to the visits that the salon can give them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from uuid import UUID

from kursi_booking.domain.errors import AddOnNotFound, ServiceNotFound
from kursi_booking.domain.policy import Party
from kursi_booking.domain.salon import ASSISTANTS_POOL, STAFF_POOL, SalonContext, SalonService
from kursi_booking.domain.visit import Kind, RequestedService, Requirement, Segment, Visit
from kursi_booking.ports.offers import OfferedService, Performer, WantedService

_MOST_WAYS = 16
"""Ways to mix people of different speed that are looked at one by one."""
_KEPT = 256
"""Answers that are remembered: what the same customers of the same salons ask for again and again depends on nothing but
the salon, which is known by its identity and kept for a minute.
"""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenService:
    """One service of the visit, who may perform it in a stable order, and its add-ons."""

    service: SalonService
    staff_ids: tuple[UUID, ...]
    add_on_ids: tuple[UUID, ...]
    assistant_ids: tuple[UUID, ...] = ()
    """Who may work beside the performer; nobody where one is enough."""
    agreed: int | None = None
    """How long it takes without add-ons, where that was agreed before."""


@lru_cache(maxsize=_KEPT)
def choose(
    context: SalonContext, asked: tuple[WantedService, ...], add_on_ids: tuple[UUID, ...], party: Party
) -> tuple[ChosenService, ...]:
    """The asked services, add-ons found their services.

    A chosen person who does not perform the service leaves `staff_ids` empty.

    Raises: ServiceNotFound, AddOnNotFound.
    """
    services = [_service(context, wanted) for wanted in asked]
    add_ons = _add_ons(services, asked, add_on_ids)
    return tuple(
        _chosen(context, service, wanted, party, tuple(chosen))
        for service, wanted, chosen in zip(services, asked, add_ons, strict=True)
    )


def _chosen(
    context: SalonContext,
    service: SalonService,
    wanted: WantedService,
    party: Party,
    add_on_ids: tuple[UUID, ...],
) -> ChosenService:
    everybody = _performers(context, service, party)
    leading = tuple(person for person in everybody if wanted.staff_id in (None, person))
    return ChosenService(
        service,
        leading,
        add_on_ids,
        assistant_ids=everybody if service.needs_assistants else (),
        agreed=_agreed(service, wanted, add_on_ids),
    )


def _agreed(service: SalonService, wanted: WantedService, add_on_ids: Sequence[UUID]) -> int | None:
    if wanted.lasts is None or len(service.parts) > 1:
        return None
    rest = int(wanted.lasts.total_seconds()) - service.added_time(add_on_ids)
    return rest if rest > 0 else None


@lru_cache(maxsize=_KEPT)
def visits_of(context: SalonContext, chosen: tuple[ChosenService, ...]) -> tuple[Visit, ...]:
    """The visit in all lengths that the choice of people gives it: one, unless somebody has a time of their own.

    With more than 16 ways to mix them, everybody gets the time of the slowest.
    """
    paces = [_paces(one) for one in chosen]
    if prod(len(pace) for pace in paces) > _MOST_WAYS:
        paces = [{max(pace): one.staff_ids} for pace, one in zip(paces, chosen, strict=True)]
    return tuple(
        Visit(
            tuple(
                _requested(context, one, duration, staff)
                for one, (duration, staff) in zip(chosen, way, strict=True)
            )
        )
        for way in product(*(pace.items() for pace in paces))
    )


@lru_cache(maxsize=_KEPT)
def offered(context: SalonContext, one: ChosenService) -> OfferedService:
    """The service with its prices, for those who take the visit down."""
    return OfferedService(
        service_id=one.service.service_id,
        names=one.service.names,
        add_on_ids=one.add_on_ids,
        price=one.service.price_with(one.add_on_ids),
        terms=one.service.terms,
        performers={
            staff_id: Performer(
                staff_id=staff_id,
                names=context.staff[staff_id].names,
                user_id=context.staff[staff_id].user_id,
                price=one.service.price_by(staff_id, one.add_on_ids),
            )
            for staff_id in dict.fromkeys((*one.staff_ids, *one.assistant_ids))
        },
    )


@lru_cache(maxsize=_KEPT)
def units_of(context: SalonContext, chosen: tuple[ChosenService, ...]) -> tuple[UUID, ...]:
    """Every person and thing that could be taken for the visit."""
    staff = {staff_id for one in chosen for staff_id in (*one.staff_ids, *one.assistant_ids)}
    kinds = {kind for one in chosen for part in one.service.parts for kind in part.kinds}
    return tuple(sorted(staff.union(*(context.resources.get(kind, ()) for kind in kinds))))


def _service(context: SalonContext, wanted: WantedService) -> SalonService:
    service = context.services.get(wanted.service_id)
    if service is None:
        raise ServiceNotFound
    return service


def _performers(context: SalonContext, service: SalonService, party: Party) -> tuple[UUID, ...]:
    return tuple(
        staff_id
        for staff_id in sorted(service.performers)
        if (member := context.staff.get(staff_id)) is not None
        and (party is Party.SALON or member.bookable_online)
    )


def _add_ons(
    services: Sequence[SalonService], asked: Sequence[WantedService], add_on_ids: Sequence[UUID]
) -> list[list[UUID]]:
    """Add-ons by service; those of the whole visit go to the first service that has them and not yet got them. What was
    agreed before keeps its own, sold or not.
    """
    chosen = [list(wanted.add_on_ids) for wanted in asked]
    for index, (service, wanted) in enumerate(zip(services, asked, strict=True)):
        for position, add_on_id in enumerate(wanted.add_on_ids):
            if add_on_id not in service.add_ons and wanted.lasts is None:
                raise AddOnNotFound(f"items[{index}].add_on_ids[{position}]")
    for position, add_on_id in enumerate(add_on_ids):
        taker = next(
            (
                mine
                for service, mine in zip(services, chosen, strict=True)
                if add_on_id in service.add_ons and add_on_id not in mine
            ),
            None,
        )
        if taker is None:
            raise AddOnNotFound(f"add_on_ids[{position}]")
        taker.append(add_on_id)
    return chosen


def _paces(one: ChosenService) -> dict[int, tuple[UUID, ...]]:
    """Who performs the service in which time; nobody at all in its own."""
    paces: dict[int, tuple[UUID, ...]] = {}
    for staff_id in one.staff_ids:
        duration = one.agreed or one.service.performers[staff_id].duration or one.service.duration
        paces[duration] = (*paces.get(duration, ()), staff_id)
    return paces or {one.agreed or one.service.duration: ()}


def _requested(
    context: SalonContext, one: ChosenService, duration: int, staff_ids: tuple[UUID, ...]
) -> RequestedService:
    kinds = {kind for part in one.service.parts for kind in part.kinds}
    segments = one.service.segments(duration, one.add_on_ids)
    return RequestedService(
        service_id=one.service.service_id,
        segments=segments if staff_ids else _wanting_somebody(segments),
        eligible={
            STAFF_POOL: staff_ids,
            ASSISTANTS_POOL: one.assistant_ids,
            **{kind: context.resources.get(kind, ()) for kind in kinds},
        },
    )


def _wanting_somebody(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """What nobody performs, as a service whose performer has to be there: nobody sells it, even where it keeps only
    things busy, as each part of a visit is somebody's.
    """
    first, *others = segments
    performer = Requirement(Kind.STAFF, STAFF_POOL)
    return (replace(first, requirements=(performer, *first.requirements)), *others)
