"""Somebody moves a booking to another time, perhaps to other people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.errors import Invalid, Violation

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Booking
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.offers import Ask, WantedService
from kursi_booking.usecases.acting import Order
from kursi_booking.usecases.moving import Move, Moving, Plan, ask_again, without_some
from kursi_booking.usecases.placing import check_for


@dataclass(frozen=True, slots=True)
class NewTime:
    """Where the visit moves. `staff_ids`: none for the same people where they are free, one for all services, or one
    for each, None where it does not matter.
    """

    start: datetime
    staff_ids: Sequence[UUID | None] = ()


class RescheduleBooking:
    """Moves a booking, which keeps its id; the old time is given up only for the new one."""

    def __init__(self, moving: Moving) -> None:
        self._moving = moving

    async def __call__(self, order: Order, wanted: NewTime, request: KeyedRequest, caller: Caller) -> bytes:
        """Move it. Raises: as `Moving.carry_out`; IllegalTransition, TooLateToReschedule."""
        return await self._moving.carry_out(order, request, caller, _plan(wanted))

    async def foresee(self, order: Order, wanted: NewTime, caller: Caller) -> bytes:
        """The booking as it would be. Raises: as moving it."""
        return await self._moving.foresee(order, caller, _plan(wanted))


def _plan(wanted: NewTime) -> Plan:
    def plan(booking: Booking, act: Act) -> Move | None:
        people = tuple(item.staff_id for item in booking.items)
        chosen = chosen_people(booking, wanted.staff_ids)
        stays = all(choice in (None, person) for choice, person in zip(chosen or people, people, strict=True))
        if wanted.start == booking.during.start and stays:
            verbs.reschedule(booking, act, booking.items)
            return None
        verbs.check_reschedule(booking, act)
        return Move(
            asks=ways_to_ask(booking, act, chosen, (wanted.start, wanted.start + timedelta(seconds=1))),
            check=check_for(act.party),
            verb=verbs.reschedule,
        )

    return plan


def ways_to_ask(
    booking: Booking, act: Act, chosen: Sequence[UUID | None], starts: tuple[datetime, datetime]
) -> list[Ask]:
    """The visit as it is at other times, with whom was chosen; without a choice by the same people, by as many of them as can
    be, and by anybody, the preferred one first.
    """
    people = [item.staff_id for item in booking.items]
    unnamed: Sequence[UUID | None] = [None] * len(people)
    ways = [chosen] if chosen else [people, *without_some(people, unnamed), unnamed]
    return [_ask(booking, act, staff, starts) for staff in ways]


def chosen_people(booking: Booking, staff_ids: Sequence[UUID | None]) -> Sequence[UUID | None]:
    """One entry per service, or none at all. Raises: Invalid."""
    services = len(booking.items)
    if len(staff_ids) == 1:
        return [staff_ids[0]] * services
    if staff_ids and len(staff_ids) != services:
        raise Invalid(Violation("staff_ids", "OUT_OF_RANGE", {"min": services, "max": services}))
    return staff_ids


def _ask(booking: Booking, act: Act, staff: Sequence[UUID | None], starts: tuple[datetime, datetime]) -> Ask:
    services = tuple(
        WantedService(item.service_id, person, item.add_on_ids)
        for item, person in zip(booking.items, staff, strict=True)
    )
    return ask_again(booking, act, Ask(booking.salon_id, services, *starts))
