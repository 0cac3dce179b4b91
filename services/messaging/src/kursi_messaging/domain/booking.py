"""What messaging knows of a booking, and what a change of it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kursi_messaging.domain.words import BookingState, Event

Facts = Mapping[str, object]
"""What a text may need, as JSON: names by language, instants, amounts. See `kursi_messaging.rendering`."""


class Change(StrEnum):
    """What happened to a booking."""

    CREATED = "created"
    CONFIRMED = "confirmed"
    RESCHEDULED = "rescheduled"
    CANCELLED = "cancelled"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    EXPIRED = "expired"
    REFUND_DUE = "refund_due"


NEWS: Mapping[Change, Event] = {
    Change.CREATED: Event.BOOKING_CREATED,
    Change.CONFIRMED: Event.BOOKING_CONFIRMED,
    Change.RESCHEDULED: Event.BOOKING_RESCHEDULED,
    Change.CANCELLED: Event.BOOKING_CANCELLED,
}
"""The changes that people are told about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSnapshot:
    """A booking at one revision."""

    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    staff_user_ids: tuple[UUID, ...]
    state: BookingState
    revision: int
    start: datetime
    end: datetime
    time_zone: str
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingChange:
    """A change, with the booking as it was after it.

    `own_facts` are true of the change alone (the time before a move, the reason), not of the booking.
    """

    change: Change
    booking: BookingSnapshot
    own_facts: Facts
    former_staff_user_ids: tuple[UUID, ...]
    occurred_at: datetime

    @property
    def revision(self) -> int:
        return self.booking.revision

    def tells_something(self, before: BookingSnapshot | None) -> bool:
        """Whether anything that people are told about is different from `before` (None: never heard of)."""
        after = self.booking
        if before is None:
            return True
        match self.change:
            case Change.RESCHEDULED:
                return _plan(before) != _plan(after)
            case Change.CONFIRMED | Change.CANCELLED:
                return before.state is not after.state
            case _:
                return True


def _plan(booking: BookingSnapshot) -> tuple[object, ...]:
    return booking.start, booking.end, booking.staff_user_ids, booking.facts.get("items")
