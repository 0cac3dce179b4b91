"""What messaging tells the others about a message."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from kursi.messaging.events.v1.messaging_events_pb2 import NotificationEvent
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_messaging.domain.words import Status

_WORDS: Final = {
    Status.SENT: ("sent", 1),
    Status.DELIVERED: ("delivered", 2),
    Status.FAILED: ("failed", 3),
    Status.BOUNCED: ("failed", 3),
    Status.DEAD: ("failed", 3),
}
_STEPS: Final = 4


def notification_event(
    status: Status,
    *,
    notification_id: UUID,
    salon_id: UUID | None,
    booking_id: UUID | None,
    recipient_id: UUID,
    channel: str,
    about: str,
    error_code: str,
    attempt: int,
    at: datetime,
) -> Event | None:
    """The event of a message that came to this status; None for one that others are not told about.

    Its revision grows with every attempt, and inside one from sent to delivered or failed.
    """
    if status not in _WORDS:
        return None
    word, step = _WORDS[status]
    message = NotificationEvent(
        notification_id=str(notification_id),
        salon_id=str(salon_id or ""),
        booking_id=str(booking_id or ""),
        recipient_id=str(recipient_id),
        channel=channel,
        event=about,
        error_code=error_code,
        occur_time=timestamp(at),
    )
    name = f"kursi.messaging.v1.notification.{word}"
    return Event(
        type=name,
        subject=name,
        aggregate_id=notification_id,
        revision=attempt * _STEPS + step,
        payload=message.SerializeToString(deterministic=True),
        occurred_at=at,
        schema=NotificationEvent.DESCRIPTOR.full_name,
    )
