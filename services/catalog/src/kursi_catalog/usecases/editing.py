"""How every change of a salon begins."""

from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection

from kursi_catalog.domain.errors import SalonArchived, SalonNotFound
from kursi_catalog.store import salons
from kursi_catalog.store.edits import Edit


async def begin(connection: Connection, caller: Caller, salon_id: UUID, now: datetime) -> Edit:
    """Lock the salon for a change.

    Raises:
        SalonNotFound: there is none.
        SalonArchived: it is archived, so nothing in it changes.
    """
    edit = await begin_on_any(connection, caller, salon_id, now)
    if edit.salon.archive_time is not None:
        raise SalonArchived
    return edit


async def begin_on_any(connection: Connection, caller: Caller, salon_id: UUID, now: datetime) -> Edit:
    """Lock the salon for a change, archived or not. Raises: SalonNotFound."""
    salon = await salons.lock(connection, salon_id)
    if salon is None:
        raise SalonNotFound
    return Edit(connection, salon, caller, now)
