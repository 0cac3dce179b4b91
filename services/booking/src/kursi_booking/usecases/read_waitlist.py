"""Looking at entries of the waiting list: one, or a list."""

from dataclasses import replace
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Denied

from kursi_booking.domain.waitlist import Entry
from kursi_booking.ports.listing import Position
from kursi_booking.ports.waitlist import EntryFilter, Waitlist
from kursi_booking.usecases.waitlist_acting import visible_entry


class ReadWaitlist:
    """What customers see of their own entries, and members of a salon of its."""

    def __init__(self, waitlist: Waitlist) -> None:
        self._waitlist = waitlist

    async def one(self, entry_id: UUID, caller: Caller) -> Entry:
        """The entry. Raises: WaitlistEntryNotFound."""
        return visible_entry(await self._waitlist.find(entry_id), caller)

    async def page(
        self, wanted: EntryFilter, after: Position | None, size: int, caller: Caller
    ) -> list[Entry]:
        """One page, newest first. Raises: RoleRequired for somebody else's salon, Denied for another customer."""
        if wanted.salon_id is not None:
            caller.require_role(wanted.salon_id, Role.STAFF)
            return await self._waitlist.page(wanted, after, size)
        if caller.user_id is None or wanted.customer_id not in (None, caller.user_id):
            raise Denied
        return await self._waitlist.page(replace(wanted, customer_id=caller.user_id), after, size)
