"""What the use cases of the waiting list need of the layers below them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event

from kursi_booking.domain.claims import Claim
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import Entry, EntryChange, EntryState
from kursi_booking.ports.answers import KeyedWork
from kursi_booking.ports.bookings import NewBooking
from kursi_booking.ports.listing import Position
from kursi_booking.ports.supply import DayRoom


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are listed; everything set must fit. At least one of salon and customer is set."""

    salon_id: UUID | None
    customer_id: UUID | None
    states: frozenset[EntryState]


class WaitlistWork(KeyedWork, Protocol):
    """One transaction over entries of the waiting list."""

    async def expect_room(self, room: DayRoom | None) -> None:
        """Let nobody else fill the day until this transaction ends. Call it before anything else. Raises: DayFull."""
        ...

    async def open_entries(self, salon_id: UUID, customer_id: UUID) -> int:
        """How many open entries the customer has there; nobody adds one until this transaction ends."""
        ...

    async def locked(self, entry_id: UUID) -> Entry | None:
        """The entry, which nobody else can change until this transaction ends."""
        ...

    async def of_offer(self, offer_id: UUID) -> Entry | None:
        """The same for the entry that an offer was made to."""
        ...

    async def unanswered(self, now: datetime, most: int) -> list[Entry]:
        """Entries whose offer has run out, locked; those that somebody else has in hand are left out."""
        ...

    async def over(self, now: datetime, most: int) -> list[Entry]:
        """Waiting entries whose last range is over, locked in the same way."""
        ...

    async def claims_of(self, offer_id: UUID) -> tuple[Claim, ...]:
        """What the offer keeps, sorted as it was taken."""
        ...

    async def add(self, change: EntryChange, event: Event) -> None:
        """Write a new entry. Raises: AlreadyWaiting."""
        ...

    async def save(self, change: EntryChange, event: Event) -> None:
        """Write a change; the time of an offer that it ends is free."""
        ...

    async def of_guest(self, guest_id: UUID) -> list[Entry]:
        """All entries of a guest, locked in one order."""
        ...

    async def give(self, change: EntryChange, event: Event) -> None:
        """Write that the entry is somebody else's. Raises: AlreadyWaiting when they wait for the same; nothing is written."""
        ...

    async def save_offered(self, change: EntryChange, event: Event, claims: Sequence[Claim]) -> None:
        """Write that a time is kept, and keep it.

        Raises: TimeTaken when somebody else has a claim; the transaction must end without a commit.
        """
        ...

    async def save_accepted(self, change: EntryChange, event: Event, new: NewBooking) -> None:
        """Write that the offer is this booking: its claims become the booking's, which is made as all are.

        Raises: TooManyBookings, OfferGone; then nothing may be committed.
        """
        ...


class Waitlist(Protocol):
    """The waiting list in the database."""

    def work(self) -> AbstractAsyncContextManager[WaitlistWork]:
        """One transaction: a clean exit commits, an exception rolls back."""
        ...

    async def find(self, entry_id: UUID) -> Entry | None:
        """The entry, without a lock."""
        ...

    async def page(self, wanted: EntryFilter, after: Position | None, size: int) -> list[Entry]:
        """Up to `size` entries that fit, newest first, beyond the position."""
        ...

    async def in_turn(self, salon_id: UUID, wished: Sequence[TimeRange], most: int) -> list[Entry]:
        """Waiting entries of the salon that wish for a start in these ranges, in the order in which they are asked."""
        ...

    async def salons(self) -> list[UUID]:
        """The salons where somebody waits."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next offer runs out; None when none is open."""
        ...


DescribeEntry = Callable[[EntryChange], Event]
"""Words a change for the outbox."""

RenderEntry = Callable[[Entry], bytes]
"""Words the answer, as it is kept for repetitions."""
