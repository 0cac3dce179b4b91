"""Events of bookings, decoded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.type.v1 import money_pb2
from kursi_chassis.events.consumer import ignored
from kursi_chassis.events.envelope import ReceivedEvent, unreadable_is_poison
from kursi_chassis.money import Money

from kursi_payment.usecases.follow_booking import CONSUMER, BookingChange, Happening

FILTERS = tuple(f"kursi.booking.v1.*.*.{happening}" for happening in Happening)

_HAPPENINGS = {
    BookingEvent.CONFIRMED: Happening.CONFIRMED,
    BookingEvent.CANCELLED: Happening.CANCELLED,
    BookingEvent.EXPIRED: Happening.EXPIRED,
    BookingEvent.NO_SHOW: Happening.NO_SHOW,
    BookingEvent.REFUND_DUE: Happening.REFUND_DUE,
    BookingEvent.UPDATED: Happening.UPDATED,
}


@dataclass(frozen=True, slots=True)
class HandleBookings:
    """The handler of the consumer."""

    follow: Callable[[Sequence[BookingChange]], Awaitable[None]]

    async def __call__(self, events: Sequence[ReceivedEvent]) -> None:
        changes: list[BookingChange] = []
        for event in events:
            change = decode(event)
            if change is None:
                ignored(CONSUMER, event)
            else:
                changes.append(change)
        if changes:
            await self.follow(changes)


@unreadable_is_poison
def decode(event: ReceivedEvent) -> BookingChange | None:
    """The change, or None for one that is no business of payments. Raises: Poison for unreadable bytes."""
    message = BookingEvent.FromString(event.payload)
    happening = _HAPPENINGS.get(message.type)
    # What is updated otherwise (money that came or went back, services) neither ends a visit nor brings it back.
    if happening is None or (happening is Happening.UPDATED and message.state != BookingEvent.STATE_PENDING):
        return None
    return BookingChange(
        event_id=event.event_id,
        happening=happening,
        booking_id=UUID(message.booking_id),
        revision=message.revision,
        fee=_money(message.fee),
        refund=_money(message.refund),
    )


def _money(message: money_pb2.Money) -> Money | None:
    return Money(message.currency_code, message.amount_minor) if message.currency_code else None
