"""What booking tells the world about freed time, heard by its own waiting list."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.waitlist_events_pb2 import WaitlistEvent
from kursi_chassis.events.consumer import ignored
from kursi_chassis.events.envelope import ReceivedEvent, unreadable_is_poison

from kursi_booking.domain.time_range import TimeRange
from kursi_booking.usecases.match_waitlist import LONGEST_VISIT

CONSUMER: Final = "booking-waitlist"
_BOOKINGS = ("cancelled", "expired", "rescheduled")
_ENTRIES = ("waitlist_created", "waitlist_offer_declined", "waitlist_offer_expired", "waitlist_cancelled")
FILTERS = tuple(f"kursi.booking.v1.*.*.{what}" for what in (*_BOOKINGS, *_ENTRIES))

Match = Callable[[UUID, Sequence[TimeRange]], Awaitable[int]]


class HandleFreedTimes:
    """The handler of the consumer: one pass per salon, over all that became free there.

    It claims no event in an inbox. A pass is many transactions, one per offer, and a second pass over the same time
    offers nothing twice; an event that counted as seen before its pass was over would leave freed time to nobody.
    """

    def __init__(self, match: Match) -> None:
        self._match = match

    async def __call__(self, events: Sequence[ReceivedEvent]) -> None:
        freed: dict[UUID, list[TimeRange]] = {}
        for event in events:
            found = decode(event)
            if found is None:
                ignored(CONSUMER, event)
                continue
            salon_id, during = found
            freed.setdefault(salon_id, []).append(during)
        for salon_id, times in freed.items():
            await self._match(salon_id, times)


@unreadable_is_poison
def decode(event: ReceivedEvent) -> tuple[UUID, TimeRange] | None:
    """Where time became free, or somebody new waits for some, and when; None for anything else.

    Raises: Poison for unreadable bytes.
    """
    what = event.type.rsplit(".", 1)[-1]
    if what in _ENTRIES:
        entry = WaitlistEvent.FromString(event.payload)
        return UUID(entry.salon_id), _during(entry)
    if what in _BOOKINGS:
        booking = BookingEvent.FromString(event.payload)
        return UUID(booking.salon_id), _freed(booking)
    return None


def _freed(booking: BookingEvent) -> TimeRange:
    during = _during(booking)
    if booking.type != BookingEvent.RESCHEDULED:
        return during
    before = _moment(booking.previous_start_time) if booking.HasField("previous_start_time") else during.start
    return _hull(
        TimeRange(before, before + LONGEST_VISIT), TimeRange(during.start, during.start + LONGEST_VISIT)
    )


def _during(message: BookingEvent | WaitlistEvent) -> TimeRange:
    return TimeRange(_moment(message.start_time), _moment(message.end_time))


def _moment(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)


def _hull(one: TimeRange, other: TimeRange) -> TimeRange:
    return TimeRange(min(one.start, other.start), max(one.end, other.end))
