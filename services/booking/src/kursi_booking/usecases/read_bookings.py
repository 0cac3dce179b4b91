"""Looking at bookings: one, a list, a history."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from kursi_chassis.caller import Caller

from kursi_booking.domain.booking import Booking, HistoryEntry
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.listing import BookingFilter, BookingPage, Position
from kursi_booking.usecases.access import visible, whose_list


class HistoryOf(Protocol):
    """Where histories are kept."""

    async def of(self, booking_id: UUID) -> list[HistoryEntry]:
        """All entries of one booking, oldest first."""
        ...


class ReadBookings:
    """What customers see of their own bookings, and members of a salon of its."""

    def __init__(self, store: BookingStore, history: HistoryOf) -> None:
        self._store = store
        self._history = history

    async def one(self, booking_id: UUID, caller: Caller) -> Booking:
        """The booking. Raises: BookingNotFound."""
        return visible(await self._store.find(booking_id), caller)

    async def history(self, booking_id: UUID, caller: Caller) -> Sequence[HistoryEntry]:
        """What happened to it, oldest first. Raises: BookingNotFound."""
        await self.one(booking_id, caller)
        return await self._history.of(booking_id)

    async def page(
        self, wanted: BookingFilter, after: Position | None, size: int, caller: Caller
    ) -> BookingPage:
        """One page. Raises: RoleRequired for somebody else's salon, Denied for another customer."""
        customer_id = whose_list(wanted.salon_id, wanted.customer_id, caller)
        return await self._store.page(replace(wanted, customer_id=customer_id), after, size)
