"""Looking at entries of the waiting list: one, or a list."""

from dataclasses import replace
from uuid import UUID

from kursi_chassis.caller import Caller

from kursi_booking.domain.waitlist import Entry
from kursi_booking.ports.listing import Position
from kursi_booking.ports.waitlist import EntryFilter, Waitlist
from kursi_booking.usecases.access import whose_list
from kursi_booking.usecases.answer_waitlist import visible_entry


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
        customer_id = whose_list(wanted.salon_id, wanted.customer_id, caller)
        return await self._waitlist.page(replace(wanted, customer_id=customer_id), after, size)
