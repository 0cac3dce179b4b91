"""Bookings as they are written and found."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event
from kursi_chassis.intervals import Interval

from kursi_booking.domain.booking import Booking, Change
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.fair_choice import Load
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.ports.answers import FirstAnswers, KeyedRequest, KeyedWork
from kursi_booking.ports.listing import BookingFilter, BookingPage, Position
from kursi_booking.ports.supply import DayRoom


@dataclass(frozen=True, slots=True)
class CountedPayment:
    """How much of one payment a booking has taken into account, in minor units."""

    captured_minor: int = 0
    refunded_minor: int = 0


@dataclass(frozen=True, slots=True)
class NewBooking:
    """Everything that is written when a booking is made."""

    change: Change
    claims: tuple[Claim, ...]
    active_limit: int | None
    event: Event
    request: KeyedRequest
    answer: bytes
    room: DayRoom | None = None
    """What its day must have left; None without limits."""


class TimeTaken(Exception):
    """The database refused a claim: somebody else has the time."""


class DayFull(TimeTaken):
    """Somebody else had the last visit of the day, though the time itself is free: whoever looks again sees it."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Whom of several people to choose, by what they have in this time."""

    salon_id: UUID
    people: Sequence[UUID]
    compared: Interval


@dataclass(frozen=True, slots=True)
class Queued:
    """Whether somebody else chose for the salon meanwhile, and whether nobody does now."""

    has_waited: bool
    is_alone: bool


class Turn(Protocol):
    """The transaction of who chooses for a salon; others wait until it ends, but not for ever."""

    @property
    def loads(self) -> Mapping[UUID, Load]:
        """What each of the people has; who has nothing is not there."""
        ...

    async def create(self, new: NewBooking) -> bytes:
        """As `BookingStore.create`; the turn is at an end when it is refused."""
        ...


class Work(KeyedWork, Protocol):
    """One transaction over bookings."""

    async def expect_room(self, room: DayRoom | None) -> None:
        """Let nobody else fill the day until this transaction ends. Call it before anything else. Raises: DayFull."""
        ...

    async def is_new(self, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """The events that this consumer has not handled yet; they count as handled once this commits."""
        ...

    async def locked(self, booking_id: UUID) -> Booking | None:
        """The booking, which nobody else can change until this transaction ends."""
        ...

    async def claims_of(self, booking_id: UUID) -> tuple[Claim, ...]:
        """The booking's claims, released ones too, sorted as they are taken."""
        ...

    async def counted(self, payment_id: UUID) -> CountedPayment:
        """What of this payment the booking has been told of; nothing before the first time."""
        ...

    async def count_payment(self, payment_id: UUID, booking_id: UUID, counted: CountedPayment) -> None:
        """Remember what the booking has been told of."""
        ...

    async def visits_of(self, guest_id: UUID) -> list[UUID]:
        """The bookings of a guest, in the order in which they must be locked."""
        ...

    async def remember_guest(self, joined: JoinedGuest) -> None:
        """Keep whose a guest's visits are."""
        ...

    async def merge_counters(self, joined: JoinedGuest) -> None:
        """What counted as the guest's counts as the account's."""
        ...

    async def tell(self, event: Event) -> None:
        """Tell something beyond the changes that are written."""
        ...

    async def save(self, change: Change, event: Event) -> None:
        """Write a change that leaves the visit where it is: the row, its claims' state, counter, history, event."""
        ...

    async def save_moved(self, change: Change, event: Event, claims: Sequence[Claim]) -> None:
        """Write a change with new items and claims, in place of the old ones; also takes claims that were released.

        Raises: TimeTaken when somebody else has a claim; the transaction must end without a commit.
        """
        ...


class BookingStore(FirstAnswers, Protocol):
    """Bookings in the database."""

    def work(self) -> AbstractAsyncContextManager[Work]:
        """One transaction: a clean exit commits, an exception rolls back."""
        ...

    async def create(self, new: NewBooking) -> bytes:
        """Write a whole new booking in one statement, and return its answer.

        Raises: TimeTaken when a claim is taken, DayFull when its day is, TooManyBookings when the customer's limit is reached,
            AlreadyAnswered when the request is a repetition.
        """
        ...

    async def find(self, booking_id: UUID) -> Booking | None:
        """The booking, without a lock."""
        ...

    async def overdue_holds(self, claims: Sequence[Claim], now: datetime) -> list[UUID]:
        """Held bookings and offers whose time is over but that are not yet expired and are in the way of these claims."""
        ...

    async def loads(self, staff_ids: Sequence[UUID], during: Interval) -> Mapping[UUID, Load]:
        """What each of them has that starts then; who has nothing is not there."""
        ...

    async def active(self, salon_id: UUID, customers: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many open bookings each of them has in the salon; who never had one is not there."""
        ...

    def queue(self, salon_id: UUID) -> AbstractAsyncContextManager[Queued]:
        """Wait, but not for ever, until nobody else in this process chooses for the salon."""
        ...

    def turn(self, open_question: Undecided, queued: Queued) -> AbstractAsyncContextManager[Turn]:
        """One transaction, in the queue, in which nobody else chooses for the salon."""
        ...

    async def late_guests(self, since: datetime) -> list[JoinedGuest]:
        """Guests that were joined since then and have visits, or wait, under their old id all the same."""
        ...

    async def page(self, wanted: BookingFilter, after: "Position | None", size: int) -> BookingPage:
        """Up to `size` bookings that fit, in the asked order, beyond the position."""
        ...


DescribeEvent = Callable[[Booking | None, Change], Event]
"""Words a change, with the booking before it, for the outbox."""


class Render(Protocol):
    """Words the answer for a caller, as it is kept for repetitions."""

    def __call__(self, booking: Booking, settlement: CancellationOutcome | None) -> bytes:
        """The booking, with what calling it off costs where that is known."""
        ...
