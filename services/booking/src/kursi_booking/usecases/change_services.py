"""Somebody adds or removes services of a booking, or changes who performs them, from the same start."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from kursi_chassis.caller import Caller

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.availability import check_addition, check_placement
from kursi_booking.domain.booking import Act, Booking, Item
from kursi_booking.domain.policy import Party
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.offers import Ask, WantedService
from kursi_booking.usecases.acting import Order
from kursi_booking.usecases.moving import Move, Moving, Plan, ask_again, more_of, without_some


class ChangeServices:
    """Replaces the services of a booking; what stays keeps its person, if that one is free, and its price."""

    def __init__(self, moving: Moving) -> None:
        self._moving = moving

    async def __call__(
        self, order: Order, wanted: Sequence[WantedService], request: KeyedRequest, caller: Caller
    ) -> bytes:
        """Change them. Raises: as `Moving.carry_out`; IllegalTransition, TooLateToReschedule, ServicePrepaymentRequired."""
        return await self._moving.carry_out(order, request, caller, _plan(wanted))

    async def foresee(self, order: Order, wanted: Sequence[WantedService], caller: Caller) -> bytes:
        """The booking as it would be. Raises: as changing it."""
        return await self._moving.foresee(order, caller, _plan(wanted))


def _plan(wanted: Sequence[WantedService]) -> Plan:
    def plan(booking: Booking, act: Act) -> Move | None:
        if len(wanted) == len(booking.items) and all(map(_is_there, booking.items, wanted)):
            verbs.change_services(booking, act, booking.items)
            return None
        verbs.check_change_services(booking, act)
        known = _with_known_people(booking.items, wanted)
        ways = [known] if known == tuple(wanted) else [known, *_without_some(known, wanted), tuple(wanted)]
        more = more_of(booking.items, [service.service_id for service in wanted])
        added = more or None if act.party is Party.CUSTOMER else None
        # The start stays, so what was booked for it has kept the rules about starts already.
        return Move(
            asks=[replace(_ask(booking, act, services), added=added) for services in ways],
            check=check_addition if added else check_placement,
            verb=verbs.change_services,
        )

    return plan


def _without_some(
    known: Sequence[WantedService], wanted: Sequence[WantedService]
) -> list[tuple[WantedService, ...]]:
    ways = without_some([one.staff_id for one in known], [one.staff_id for one in wanted])
    return [
        tuple(replace(one, staff_id=person) for one, person in zip(known, way, strict=True)) for way in ways
    ]


def _is_there(item: Item, wanted: WantedService) -> bool:
    return _is_of(item, wanted) and set(item.add_on_ids) == set(wanted.add_on_ids)


def _with_known_people(items: Sequence[Item], wanted: Sequence[WantedService]) -> tuple[WantedService, ...]:
    """What is wanted of nobody in particular, of the person who has it: each item is somebody's to keep once. Of what is
    wanted more often than it is booked the last person is asked for more.
    """
    left, kept = list(items), dict[int, UUID]()
    for position in sorted(range(len(wanted)), key=lambda one: _doubt(items, wanted[one])):
        stays = _item_of(left, wanted[position])
        if stays is not None:
            left.remove(stays)
            kept[position] = stays.staff_id
    people = {item.service_id: item.staff_id for item in items}
    return tuple(
        replace(service, staff_id=service.staff_id or kept.get(position) or people.get(service.service_id))
        for position, service in enumerate(wanted)
    )


def _doubt(items: Sequence[Item], wanted: WantedService) -> tuple[bool, bool]:
    """Who is named has what is theirs first, then what stays just as it is; what remains is anybody's guess."""
    return wanted.staff_id is None, not any(_is_there(item, wanted) for item in items)


def _item_of(left: Sequence[Item], wanted: WantedService) -> Item | None:
    """What the wanted service was until now, with the same add-ons if there is such a one."""
    same = [item for item in left if _is_of(item, wanted)]
    return next((item for item in same if _is_there(item, wanted)), same[0] if same else None)


def _is_of(item: Item, wanted: WantedService) -> bool:
    return item.service_id == wanted.service_id and wanted.staff_id in (None, item.staff_id)


def _ask(booking: Booking, act: Act, services: tuple[WantedService, ...]) -> Ask:
    start = booking.during.start
    return ask_again(booking, act, Ask(booking.salon_id, services, start, start + timedelta(seconds=1)))
