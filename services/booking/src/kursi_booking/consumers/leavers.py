"""Members who left their salon, decoded."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from uuid import UUID

from kursi.identity.events.v1.identity_events_pb2 import MembershipEvent
from kursi_chassis.events.envelope import ReceivedEvent, unreadable_is_poison

from kursi_booking.usecases.calendar_feeds import Leaver

CONSUMER = "booking-leavers"
FILTERS = ("kursi.identity.v1.membership.revoked",)


class HandleLeavers:
    """The handler of the consumer. What it does is the same when it is done again, so no event is claimed in an inbox."""

    def __init__(self, end: Callable[[Leaver], Awaitable[None]]) -> None:
        self._end = end

    async def __call__(self, events: Sequence[ReceivedEvent]) -> None:
        for event in events:
            await self._end(decode(event))


@unreadable_is_poison
def decode(event: ReceivedEvent) -> Leaver:
    """Who left which salon, and when. Raises: Poison for unreadable bytes."""
    message = MembershipEvent.FromString(event.payload)
    return Leaver(UUID(message.salon_id), UUID(message.user_id), message.occur_time.ToDatetime(UTC))
