"""Bookings that wait for money, until their time is over."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event

from kursi_booking.domain.booking import Booking, Change


class HoldExpiry(Protocol):
    """The use case that lets go of a hold, of a booking or of an offer."""

    async def __call__(self, booking_id: UUID) -> bool:
        """Whether the hold was due and is expired now. Does nothing for anything else."""
        ...


class HoldBatch(Protocol):
    """Holds that are over, locked."""

    @property
    def bookings(self) -> Sequence[Booking]:
        """The held bookings."""
        ...

    async def save_expired(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write that they have expired."""
        ...


class DueHolds(Protocol):
    """Holds in the order in which they end."""

    async def next_due(self) -> datetime | None:
        """When the next hold ends; None when nothing is held."""
        ...

    def take(self, now: datetime, most: int) -> AbstractAsyncContextManager[HoldBatch]:
        """Up to `most` holds that are over, for one transaction; those that somebody else has in hand are left out."""
        ...
