"""Who may know of a salon."""

from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.db.database import Connection

from kursi_catalog.domain.errors import SalonNotFound
from kursi_catalog.domain.salon import Salon
from kursi_catalog.store import salons


def is_insider(caller: Caller, salon_id: UUID) -> bool:
    """Members, admins, and services that ask for themselves see everything of a salon."""
    is_service = caller.kind == "service" and caller.user_id is None
    return is_service or caller.is_admin or caller.role_in(salon_id) >= Role.STAFF


async def visible_salon(connection: Connection, caller: Caller, salon_id: UUID) -> Salon:
    """The salon. Raises: SalonNotFound also when it exists and the caller may not know."""
    salon = await salons.find(connection, salon_id)
    if salon is None or not (salon.is_public or is_insider(caller, salon_id)):
        raise SalonNotFound
    return salon
