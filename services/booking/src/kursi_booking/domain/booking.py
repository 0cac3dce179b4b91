"""A booking, and what is written down when it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.policy import CancellationOutcome, Party, PolicySnapshot
from kursi_booking.domain.state import OCCUPYING, Channel, EventType, PaymentState, State
from kursi_booking.domain.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class Act:
    """Who did something, for which side, when, and why in their words."""

    actor: str
    party: Party
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SalonFacts:
    """What a booking remembers of its salon."""

    names: Mapping[str, str]
    time_zone: str
    territory_code: str


@dataclass(frozen=True, slots=True)
class Assistant:
    """Somebody who works beside the performer of a service, by the names of the day of booking."""

    staff_id: UUID
    names: Mapping[str, str]
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One service by one staff member in one time range, at the names and the price of the day of booking.

    Where the service needs several people at once, `assistants` are the others; their claims are the booking's too.
    """

    item_id: UUID
    service_id: UUID
    staff_id: UUID
    during: TimeRange
    price: Money
    service_names: Mapping[str, str] = field(default_factory=dict)
    staff_names: Mapping[str, str] = field(default_factory=dict)
    staff_user_id: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()
    assistants: tuple[Assistant, ...] = ()

    @property
    def people(self) -> tuple[UUID, ...]:
        """Everybody who has a part in it, who performs it first."""
        return (self.staff_id, *(assistant.staff_id for assistant in self.assistants))


@dataclass(frozen=True, slots=True)
class Booking:
    """One visit of one customer. Immutable: every change makes a new one with the next revision."""

    booking_id: UUID
    salon_id: UUID
    salon: SalonFacts
    customer_id: UUID
    channel: Channel
    note: str
    items: tuple[Item, ...]
    policy: PolicySnapshot
    state: State
    payment_state: PaymentState
    paid: Money
    fee: Money
    refund_due: Money
    expires_at: datetime | None
    payments: tuple[UUID, ...]
    cancellation_reason: str
    revision: int
    created_at: datetime
    updated_at: datetime
    guest_name: str | None = None
    """What the salon called somebody whom it booked by phone number; None for everybody else."""
    series_id: UUID | None = None
    session_id: UUID | None = None
    seats: int = 1
    carried_fee: Money | None = None
    """What cancelling costs at least, whenever: what it would have cost when the customer changed the visit late."""

    @property
    def during(self) -> TimeRange:
        """From the first item's start to the last one's end."""
        return TimeRange(self.items[0].during.start, self.items[-1].during.end)

    @property
    def price(self) -> Money:
        """The sum of the items."""
        return total(self.items)

    @property
    def prepayment(self) -> Money:
        """What must be paid before it counts."""
        return self.policy.due_now(self.price)

    @property
    def kept(self) -> Money:
        """What was paid and is not on its way back."""
        return self.paid - self.refund_due

    @property
    def settlement(self) -> CancellationOutcome | None:
        """What was kept and goes back, once the visit is called off or missed."""
        if self.state in (State.CANCELLED, State.NO_SHOW):
            return CancellationOutcome(fee=self.fee, refund=self.refund_due)
        return None

    @property
    def is_live(self) -> bool:
        """Whether it occupies its people and things."""
        return self.state in OCCUPYING


@dataclass(frozen=True, slots=True)
class BookingEvent:
    """A fact to publish once it is committed."""

    type: EventType
    booking_id: UUID
    revision: int
    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a booking's history."""

    revision: int
    action: str
    actor: str
    at: datetime
    from_state: State | None
    to_state: State
    reason: str = ""
    from_start: datetime | None = None
    to_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The answer of every verb; `event` and `entry` are None when nothing had to change."""

    booking: Booking
    event: BookingEvent | None = None
    entry: HistoryEntry | None = None


def total(items: tuple[Item, ...]) -> Money:
    """The sum of the items' prices."""
    first, *others = items
    result = first.price
    for item in others:
        result += item.price
    return result
