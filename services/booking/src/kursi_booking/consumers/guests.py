"""Guests who turned out to have an account, decoded."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC
from uuid import UUID

from kursi.identity.events.v1.identity_events_pb2 import GuestEvent
from kursi_chassis.events.envelope import ReceivedEvent, unreadable_is_poison

from kursi_booking.domain.guest import JoinedGuest

FILTERS = ("kursi.identity.v1.guest.joined",)


class HandleGuests:
    """The handler of the consumer."""

    def __init__(self, join: Callable[[UUID, JoinedGuest], Awaitable[None]]) -> None:
        self._join = join

    async def __call__(self, events: Sequence[ReceivedEvent]) -> None:
        for event in events:
            await self._join(event.event_id, decode(event))


@unreadable_is_poison
def decode(event: ReceivedEvent) -> JoinedGuest:
    """Who takes a guest's place. Raises: Poison for unreadable bytes."""
    message = GuestEvent.FromString(event.payload)
    return JoinedGuest(
        guest_id=UUID(message.guest_id),
        salon_id=UUID(message.salon_id),
        user_id=UUID(message.user_id),
        at=message.occur_time.ToDatetime(UTC),
    )
