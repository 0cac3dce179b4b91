"""What the use cases need from the outside world, in their own words."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from kursi_chassis.money import Money

from kursi_payment.domain.movement import Movement
from kursi_payment.domain.payment import Payment
from kursi_payment.domain.standing import Answer, Finding
from kursi_payment.domain.terms import Terms


@dataclass(frozen=True, slots=True)
class Source:
    """What is charged: `kind` is `token`, `apple_pay` or `stc_pay`. Passed on, never kept or shown."""

    kind: str
    secret: str

    def __repr__(self) -> str:
        return f"Source({self.kind})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """An order to the provider. `handle` makes it one order however often it is given."""

    handle: UUID
    amount: Money
    source: Source
    callback_url: str
    authorize_only: bool
    payment_id: UUID
    booking_id: UUID


@dataclass(frozen=True, slots=True)
class Look:
    """One round of asking the provider about a payment; `next_at` is None when nothing is open any more."""

    began_at: datetime
    ended_at: datetime
    next_at: datetime | None


class Provider(Protocol):
    """Moves money. Every method takes a bounded time and raises nothing for what the network does."""

    name: str

    async def charge(self, charge: Charge) -> Answer: ...

    async def find(self, handle: UUID) -> Finding: ...

    async def capture(self, handle: UUID, amount: Money) -> Answer: ...

    async def void(self, handle: UUID) -> Answer: ...

    async def refund(self, handle: UUID, amount: Money) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """A provider's notice that has been found to be its own. `handle` is None where no payment is named."""

    event_id: str
    type: str
    handle: UUID | None


class Notices(Protocol):
    """Reads a provider's notices. Raises: WebhookRefused, WebhookMalformed."""

    def read(self, body: bytes) -> Notice: ...


class Bookings(Protocol):
    """Booking, asked. Raises: BookingNotFound, BookingUnavailable."""

    async def terms(self, booking_id: UUID) -> Terms: ...


@dataclass(frozen=True, slots=True)
class RequestKey:
    """How a repeated request is recognised; without `request_id` it is not."""

    caller: str
    method: str
    request_id: str
    fingerprint: bytes


class Busy(Exception):
    """Somebody else talks to the provider about this payment, for longer than we would wait."""


class Conversations(Protocol):
    """One at a time: whoever talks to the provider about a payment holds its conversation.

    Raises: Busy when it is not free within `patience`.
    """

    def hold(self, payment_id: UUID, patience: timedelta) -> AbstractAsyncContextManager[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which payments: a customer's or a salon's. Empty `states`: any. `before` is the last one seen."""

    customer_id: UUID | None
    salon_id: UUID | None
    booking_id: UUID | None
    states: tuple[str, ...]
    before: UUID | None
    most: int


class Work(Protocol):
    """One transaction and the rows it may touch."""

    async def kept_reply(self, key: RequestKey) -> bytes | None:
        """The first answer to this request. Raises: RequestIdReused."""
        ...

    async def keep_reply(self, key: RequestKey, reply: bytes) -> None: ...

    async def payment_of_request(self, key: RequestKey) -> Payment | None:
        """The payment that this request made. Raises: RequestIdReused."""
        ...

    async def movement_of_request(self, key: RequestKey) -> Movement | None:
        """The movement that this request made. Raises: RequestIdReused."""
        ...

    async def add_payment(self, payment: Payment, key: RequestKey, next_look_at: datetime) -> bool:
        """False when this request has made one already. Raises: OneIsOpen."""
        ...

    async def payment(self, payment_id: UUID) -> Payment | None: ...

    async def locked_payment(self, payment_id: UUID) -> Payment | None:
        """The same, kept from changing until the transaction ends."""
        ...

    async def payments_of_booking(self, booking_id: UUID) -> Sequence[Payment]:
        """Oldest first, kept from changing until the transaction ends."""
        ...

    async def open_payment(self, booking_id: UUID, purpose: str) -> Payment | None: ...

    async def select(self, selection: Selection) -> Sequence[Payment]:
        """Newest first."""
        ...

    async def refunds_of(self, payment_ids: Sequence[UUID]) -> Sequence[Movement]:
        """Refunds of several payments, oldest first."""
        ...

    async def save(self, before: Payment, steps: Sequence[Payment], *, actor: str) -> None:
        """Store the last step; audit each, and tell the others of each that changed the state."""
        ...

    async def mark_sent(self, payment_id: UUID, at: datetime) -> bool:
        """Write down that the provider is about to be told; False unless the payment is still `created`."""
        ...

    async def flag(self, payment: Payment, what: str) -> None: ...

    async def add_movement(self, movement: Movement, key: RequestKey) -> bool:
        """False when this request has made one already. Raises: DecisionPending."""
        ...

    async def decision_is_pending(self, payment_id: UUID) -> bool:
        """Whether a capture or void of the payment is on its way."""
        ...

    async def save_movement(self, movement: Movement) -> None: ...

    async def movement(self, movement_id: UUID) -> Movement | None: ...

    async def movements(self, payment_id: UUID) -> Sequence[Movement]:
        """Oldest first."""
        ...

    async def look_at(self, payment_id: UUID, at: datetime) -> None:
        """Have the jobs look at the payment then, if they are not to look sooner."""
        ...

    async def looked(self, payment_id: UUID, look: Look) -> None:
        """A look is over: notices that it answers are done with, and the next one is when it says, or sooner
        if somebody asked for it or a notice came meanwhile.
        """
        ...

    async def may_ask(self, payment_id: UUID, now: datetime, every: timedelta) -> bool:
        """Whether the provider was not asked within `every`; then it counts as asked now."""
        ...

    async def store_notice(self, provider: str, notice: Notice, at: datetime) -> bool:
        """False when it was there already."""
        ...

    async def note_booking(self, booking_id: UUID, revision: int, *, has_ended: bool) -> None:
        """Whether the visit will still happen; an older revision changes nothing."""
        ...

    async def has_ended(self, booking_id: UUID) -> bool: ...

    async def claim_events(self, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """Which of the events were not taken into account before; they are now."""
        ...

    async def claim_due(self, now: datetime, until: datetime, most: int) -> Sequence[UUID]:
        """Payments to look at now, the longest waiting first; nobody else gets them before `until`."""
        ...

    async def start_sweep(self, looked_before: datetime, made_after: datetime, now: datetime) -> int:
        """Have every settled payment looked at that was not since `looked_before`; how many."""
        ...

    async def audit(self, payment: Payment, action: str, after: dict[str, object], actor: str) -> None: ...


class OneIsOpen(Exception):
    """The booking has an open payment for the same purpose."""


class DecisionPending(Exception):
    """A capture or void of the payment is on its way."""


Begin = Callable[[], AbstractAsyncContextManager[Work]]
Render = Callable[[Payment, Sequence[Movement]], bytes]
"""How an answer is kept; what comes out goes to the caller unchanged."""
