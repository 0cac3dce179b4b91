"""Whose booking it is, and on whose behalf somebody acts on it."""

from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Denied

from kursi_booking.domain.booking import Act, Booking
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.domain.policy import Party
from kursi_booking.ports.guests import Customers


def is_member(caller: Caller, salon_id: UUID) -> bool:
    """Whether the caller belongs to the salon; admins belong to all."""
    return caller.is_admin or caller.role_in(salon_id) >= Role.STAFF


def act_for(
    customer_id: UUID | None, salon_id: UUID, caller: Caller, at: datetime, reason: str = ""
) -> tuple[UUID, Act]:
    """Whose new visit it is, and who books it on whose behalf; without a customer it is the caller's own.

    Raises: Denied for somebody else's without a role in the salon.
    """
    whose = customer_id or caller.user_id
    if whose is None:
        raise Denied
    if whose == caller.user_id:
        return whose, Act(caller.actor, Party.CUSTOMER, at, reason)
    if is_member(caller, salon_id):
        return whose, Act(caller.actor, Party.SALON, at, reason)
    raise Denied


async def expect_customer(
    customers: Customers, customer_id: UUID | None, salon_id: UUID, caller: Caller
) -> None:
    """Make sure that somebody else, for whom a member of the salon books, exists. Who books for themselves waits for
    nothing, and who may not book for others is told so elsewhere.

    Raises: Invalid.
    """
    if customer_id not in (None, caller.user_id) and is_member(caller, salon_id):
        await customers.expect(customer_id)


def whose_list(salon_id: UUID | None, customer_id: UUID | None, caller: Caller) -> UUID | None:
    """Of which customer a list may be: within a salon of whoever was asked for, None for all; else of the caller.

    Raises: RoleRequired for somebody else's salon, Denied for another customer.
    """
    if salon_id is not None:
        caller.require_role(salon_id, Role.STAFF)
        return customer_id
    if caller.user_id is None or customer_id not in (None, caller.user_id):
        raise Denied
    return caller.user_id


def visible(booking: Booking | None, caller: Caller) -> Booking:
    """The booking, for its customer and the salon's members. Raises: BookingNotFound for others."""
    if booking is None:
        raise BookingNotFound
    if booking.customer_id != caller.user_id and not is_member(caller, booking.salon_id):
        raise BookingNotFound
    return booking


def act_of_anyone(booking: Booking, caller: Caller, at: datetime, reason: str = "") -> Act:
    """What the customer or a member of the salon does; a member who is the customer acts as a member.

    Raises: BookingNotFound for others.
    """
    visible(booking, caller)
    party = Party.SALON if is_member(caller, booking.salon_id) else Party.CUSTOMER
    return Act(caller.actor, party, at, reason)


def act_of_member(booking: Booking, caller: Caller, at: datetime, reason: str = "") -> Act:
    """What only the salon does. Raises: BookingNotFound for strangers, Denied for the customer."""
    act = act_of_anyone(booking, caller, at, reason)
    if act.party is Party.CUSTOMER:
        raise Denied
    return act
