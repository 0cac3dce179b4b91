"""The words for where a booking and its money stand, and for what is told about it."""

from enum import Enum


class State(Enum):
    """Where a booking stands."""

    HELD = "held"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OCCUPYING = frozenset({State.HELD, State.PENDING, State.CONFIRMED, State.CHECKED_IN})
"""States whose claims keep others out. A completed visit is over and needs no guard."""

NOT_BEGUN = frozenset({State.HELD, State.PENDING, State.CONFIRMED})
"""States in which a visit can still be moved or called off."""


class PaymentState(Enum):
    """Where the money of a booking stands; a late or surplus payment is visible as REFUND_DUE until it is back."""

    NOT_REQUIRED = "not_required"
    AWAITING = "awaiting"
    FAILED = "failed"
    PAID = "paid"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class EventType(Enum):
    """What is told to the world; the last part of the event's subject."""

    CREATED = "created"
    CONFIRMED = "confirmed"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    EXPIRED = "expired"
    REFUND_DUE = "refund_due"
    UPDATED = "updated"


class Channel(Enum):
    """Who made the booking and through what."""

    CUSTOMER = "customer"
    SALON = "salon"
