"""Somebody adds or removes services of a booking, or changes who performs them, from the same start."""

from collections import Counter
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
from kursi_booking.usecases.moving import Move, Moving, Plan, ask_again


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
        ways = [known] if known == tuple(wanted) else [known, tuple(wanted)]
        added = _added(booking.items, wanted) if act.party is Party.CUSTOMER else None
        # The start stays, so what was booked for it has kept the rules about starts already.
        return Move(
            asks=[replace(_ask(booking, act, services), added=added) for services in ways],
            check=check_addition if added else check_placement,
            verb=verbs.change_services,
        )

    return plan


def _added(items: Sequence[Item], wanted: Sequence[WantedService]) -> frozenset[UUID] | None:
    """What is wanted more often than it is booked; None when nothing is."""
    more = Counter(one.service_id for one in wanted) - Counter(item.service_id for item in items)
    return frozenset(more) or None


def _is_there(item: Item, wanted: WantedService) -> bool:
    return (
        item.service_id == wanted.service_id
        and wanted.staff_id in (None, item.staff_id)
        and set(item.add_on_ids) == set(wanted.add_on_ids)
    )


def _with_known_people(items: Sequence[Item], wanted: Sequence[WantedService]) -> tuple[WantedService, ...]:
    people = {item.service_id: item.staff_id for item in items}
    return tuple(
        replace(service, staff_id=service.staff_id or people.get(service.service_id)) for service in wanted
    )


def _ask(booking: Booking, act: Act, services: tuple[WantedService, ...]) -> Ask:
    start = booking.during.start
    return ask_again(booking, act, Ask(booking.salon_id, services, start, start + timedelta(seconds=1)))
