"""What the use cases of group sessions need of the layers below them."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event

from kursi_booking.domain.booking import Booking, Change
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.session import Session, SessionChange
from kursi_booking.ports.bookings import NewBooking, Work
from kursi_booking.ports.listing import Position


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions are listed; everything set must fit."""

    salon_id: UUID
    service_id: UUID | None
    start_min: datetime
    start_max: datetime | None


class SessionWork(Protocol):
    """One transaction over sessions and their bookings.

    Locks are taken in one order by all who work on seats: bookings, then customers' counters, then sessions.
    """

    @property
    def bookings(self) -> Work:
        """The same transaction, for bookings."""
        ...

    async def add(self, change: SessionChange, claims: Sequence[Claim]) -> None:
        """Write a new session. Raises: TimeTaken; then nothing may be committed."""
        ...

    async def join(self, new: NewBooking) -> bool:
        """Write a new booking of seats, and whether there are enough; if not nothing may be committed.

        Raises: TooManyBookings.
        """
        ...

    async def locked_bookings(self, session_id: UUID) -> list[Booking]:
        """The bookings that have neither ended nor been called off, locked in one order."""
        ...

    async def open_bookings(self, session_id: UUID) -> set[UUID]:
        """The same as they are now, without locks."""
        ...

    async def save_cancelled(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write that all these bookings of one session were cancelled, at one moment and by one person."""
        ...

    async def lock_counters(self, bookings: Sequence[Booking]) -> None:
        """Lock the counters of the customers of these bookings."""
        ...

    async def locked(self, session_id: UUID) -> Session | None:
        """The session, whose seats nobody else can take until this transaction ends."""
        ...

    async def save(self, change: SessionChange) -> None:
        """Write a change of the session itself; one that is called off lets go of its people and things."""
        ...


class SessionStore(Protocol):
    """Sessions in the database."""

    def work(self) -> AbstractAsyncContextManager[SessionWork]:
        """One transaction: a clean exit commits, an exception rolls back."""
        ...

    async def find(self, session_id: UUID) -> Session | None:
        """The session, without a lock."""
        ...

    async def overdue_seats(self, session_id: UUID, now: datetime) -> list[UUID]:
        """Bookings whose hold is over but not yet expired."""
        ...

    async def page(self, wanted: SessionFilter, after: Position | None, size: int) -> list[Session]:
        """Up to `size` sessions that fit and take place, the soonest first, beyond the position."""
        ...

    async def bookings_of(self, session_id: UUID, after: UUID | None, size: int) -> list[Booking]:
        """Up to `size` of its bookings, the oldest first, younger than `after`."""
        ...


class RenderSession(Protocol):
    """Words a session for a caller, as it is kept for repetitions."""

    def __call__(self, session: Session) -> bytes:
        """The session."""
        ...
