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
    UPDATED = "updated"


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
    `told_by_series`: it is one of many at once, and one message tells all of them. `traceparent` names the trace
    that the change is part of; empty for none.
    """

    change: Change
    booking: BookingSnapshot
    own_facts: Facts
    former_staff_user_ids: tuple[UUID, ...]
    told_by_series: bool
    occurred_at: datetime
    traceparent: str

    @property
    def revision(self) -> int:
        return self.booking.revision

    @property
    def late_news(self) -> Event | None:
        """What it would have told, had it come in time."""
        return NEWS.get(self.change)

    def news(self, before: BookingSnapshot | None) -> Event | None:
        """What people are told, if anything that they are told about differs from `before`.

        `before` is None for a booking never heard of. A booking that was held until its payment came is made,
        for everybody but the customer, at that moment: when it begins to wait for the salon.
        """
        after = self.booking
        match self.change:
            case Change.RESCHEDULED if before is not None and _plan(before) == _plan(after):
                return None
            case Change.CONFIRMED | Change.CANCELLED if before is not None and before.state is after.state:
                return None
            case Change.UPDATED if after.state is BookingState.PENDING and _was_not_made(before):
                return Event.BOOKING_CREATED
            case _:
                return NEWS.get(self.change)


def items_of(facts: Facts) -> list[Facts]:
    """The services that facts name."""
    items = facts.get("items")
    return items if isinstance(items, list) else []


def works_on(person: UUID, item: Facts) -> bool:
    """Whether somebody performs this service, or helps with it."""
    staff = item.get("staff_user_ids")
    return isinstance(staff, list) and str(person) in staff


def part_of(facts: Facts, person: UUID) -> Facts:
    """What of a visit is the business of somebody who works on it: their services, and when they begin and end.

    Whoever does all of it gets the very same facts.
    """
    mine = [item for item in items_of(facts) if works_on(person, item)]
    if len(mine) == len(items_of(facts)) or not mine:
        return facts
    return {**facts, "items": mine, "part_start": mine[0]["start"], "part_end": mine[-1]["end"]}


def _was_not_made(before: BookingSnapshot | None) -> bool:
    return before is None or before.state in {BookingState.HELD, BookingState.EXPIRED}


def _plan(booking: BookingSnapshot) -> tuple[object, ...]:
    return booking.start, booking.end, booking.staff_user_ids, booking.facts.get("items")
