"""Who looks after what belongs to a staff member: they themselves, by their linked account, and managers."""

from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Denied

from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.ports.supply import Catalog
from kursi_booking.usecases.access import is_member

_DAY = 86_400


def manages(caller: Caller, salon_id: UUID) -> bool:
    """Whether the caller is a manager of the salon; admins are of all."""
    return caller.is_admin or caller.role_in(salon_id) >= Role.MANAGER


async def linked_account(
    catalog: Catalog, place: StaffPlace, caller: Caller, at: datetime
) -> tuple[UUID | None, str]:
    """The staff member's account, None without one, and the salon's time zone, if the caller looks after them.

    Raises: Denied, SalonNotFound, StaffNotFound, CatalogUnavailable.
    """
    if not is_member(caller, place.salon_id):
        raise Denied
    account, zone = await staff_account(catalog, place, at)
    if (account is None or caller.user_id != account) and not manages(caller, place.salon_id):
        raise Denied
    return account, zone


async def staff_account(catalog: Catalog, place: StaffPlace, at: datetime) -> tuple[UUID | None, str]:
    """The same, whoever asks. Raises: SalonNotFound, StaffNotFound also for who has left, CatalogUnavailable."""
    now = int(at.timestamp())
    context = await catalog.context(place.salon_id, frozenset(), now, now + _DAY)
    member = context.staff.get(place.staff_id)
    if member is None:
        await catalog.expect_staff(place.salon_id, place.staff_id, now, now + _DAY)
    return (member.user_id if member else None), context.zone.key
