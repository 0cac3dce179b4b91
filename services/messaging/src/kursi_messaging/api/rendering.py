"""From what messaging knows to the messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.times import duration, optional_timestamp, timestamp

from kursi_messaging.domain.notification import Attempt, Notification
from kursi_messaging.domain.preferences import Preferences, PreferredMethod
from kursi_messaging.domain.salon import SalonSettings
from kursi_messaging.domain.words import Channel

_OUTCOMES = {
    None: pb2.Attempt.OUTCOME_UNSPECIFIED,
    "accepted": pb2.Attempt.ACCEPTED,
    "refused": pb2.Attempt.REFUSED,
    "retryable": pb2.Attempt.RETRYABLE,
    "ambiguous": pb2.Attempt.AMBIGUOUS,
}
_METHODS = {
    PreferredMethod.UNSPECIFIED: pb2.NotificationPreferences.PREFERRED_METHOD_UNSPECIFIED,
    PreferredMethod.EMAIL_ONLY: pb2.NotificationPreferences.EMAIL_ONLY,
    PreferredMethod.TEXT_ONLY: pb2.NotificationPreferences.TEXT_ONLY,
    PreferredMethod.BOTH: pb2.NotificationPreferences.BOTH,
}


def notification(message: Notification, attempts: Sequence[Attempt] = ()) -> pb2.Notification:
    """One message."""
    return pb2.Notification(
        id=str(message.id),
        salon_id=str(message.salon_id or ""),
        booking_id=str(message.booking_id or ""),
        recipient_id=str(message.recipient_id),
        audience=pb2.Audience.Value(message.audience.upper()),
        event=pb2.Event.Value(message.event.upper()),
        occurrence=message.occurrence,
        channel=pb2.Channel.Value(message.channel.upper()),
        status=pb2.Notification.Status.Value(message.status.upper()),
        skip_reason=message.skip_reason,
        error_code=message.error_code,
        provider=message.provider,
        external_id=message.external_id,
        delivery_status=message.delivery_status,
        masked_recipient=message.masked_recipient,
        language_code=message.language_code,
        template=message.template,
        subject=message.subject or _words(message, "subject"),
        body=message.body or _words(message, "body"),
        html_body=message.html_body,
        scheduled_time=timestamp(message.due_at),
        attempt_count=message.attempt_count,
        max_retries=message.max_retries,
        possible_duplicate=message.possible_duplicate,
        create_time=timestamp(message.created_at),
        sent_time=optional_timestamp(message.sent_at),
        delivered_time=optional_timestamp(message.delivered_at),
        opened_time=optional_timestamp(message.opened_at),
        clicked_time=optional_timestamp(message.clicked_at),
        attempts=map(_attempt, attempts),
    )


def preferences(chosen: Preferences) -> pb2.NotificationPreferences:
    """A person's choices."""
    return pb2.NotificationPreferences(
        toggles=[
            pb2.NotificationPreferences.Toggle(
                event=pb2.Event.Value(event.upper()),
                channel=pb2.Channel.Value(channel.upper()),
                enabled=enabled,
            )
            for (event, channel), enabled in chosen.toggles.items()
        ],
        preferred_method=_METHODS[chosen.method],
        quiet_hours_enabled=chosen.quiet_hours_enabled,
        quiet_hours_start=f"{chosen.quiet_start:%H:%M}",
        quiet_hours_end=f"{chosen.quiet_end:%H:%M}",
        etag=etag_of(chosen.revision),
    )


def salon_settings(
    salon_id: str, settings: SalonSettings, default_language: str
) -> pb2.SalonNotificationSettings:
    """A salon's choices; `default_language` is the platform's, shown where the salon has none."""
    return pb2.SalonNotificationSettings(
        salon_id=salon_id,
        customer_channels=_channels(settings.customer_channels),
        staff_channels=_channels(settings.staff_channels),
        reminders=[
            pb2.SalonNotificationSettings.ReminderRule(
                offset=duration(rule.offset), channels=_channels(rule.channels)
            )
            for rule in settings.reminders
        ],
        default_language_code=settings.default_language or default_language,
        etag=etag_of(settings.revision),
    )


def _words(message: Notification, name: str) -> str:
    """What a manager wrote, until the exact text exists."""
    written = message.facts.get(name)
    return written if isinstance(written, str) else ""


def _channels(channels: Iterable[Channel]) -> list[pb2.Channel.ValueType]:
    return [pb2.Channel.Value(channel.upper()) for channel in channels]


def _attempt(attempt: Attempt) -> pb2.Attempt:
    took = duration(attempt.finished_at - attempt.dispatched_at) if attempt.finished_at else None
    return pb2.Attempt(
        number=attempt.number,
        provider=attempt.provider,
        outcome=_OUTCOMES[attempt.outcome],
        code=attempt.code,
        start_time=timestamp(attempt.dispatched_at),
        latency=took,
    )
