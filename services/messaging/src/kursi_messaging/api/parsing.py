"""From requests to commands; everything that is wrong with a request is said at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi.messaging.v1 import messaging_service_pb2 as service_pb2
from kursi_chassis.grpc.etag import check_etag
from kursi_chassis.grpc.fieldmask import paths_to_write
from kursi_chassis.grpc.times import instant, span
from kursi_chassis.validation import Violations

from kursi_messaging.domain.preferences import Preferences, PreferredMethod
from kursi_messaging.domain.reminders import ReminderRule
from kursi_messaging.domain.salon import DEFAULT_SETTINGS, SalonSettings
from kursi_messaging.domain.words import Channel, Event
from kursi_messaging.ports import IncomingReport
from kursi_messaging.queries.notifications import Search
from kursi_messaging.usecases.letters import WriteLetter

FURTHEST: Final = timedelta(days=365)
_SHORTEST_OFFSET: Final = timedelta(minutes=5)
_MINUTE: Final = timedelta(minutes=1)
_WALL_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")

_CHANNELS: Final[Mapping[int, Channel]] = {
    pb2.EMAIL: Channel.EMAIL,
    pb2.SMS: Channel.SMS,
    pb2.WHATSAPP: Channel.WHATSAPP,
}
_EVENTS: Final[Mapping[int, Event]] = {pb2.Event.Value(event.upper()): event for event in Event}
_METHODS: Final[Mapping[int, PreferredMethod]] = {
    pb2.NotificationPreferences.PREFERRED_METHOD_UNSPECIFIED: PreferredMethod.UNSPECIFIED,
    pb2.NotificationPreferences.EMAIL_ONLY: PreferredMethod.EMAIL_ONLY,
    pb2.NotificationPreferences.TEXT_ONLY: PreferredMethod.TEXT_ONLY,
    pb2.NotificationPreferences.BOTH: PreferredMethod.BOTH,
}
Word = TypeVar("Word")


def search(request: service_pb2.ListNotificationsRequest) -> Search:
    """Which messages to list; whose they are is for the servicer to add."""
    with Violations() as check:
        statuses = [
            pb2.Notification.Status.Name(status).lower()
            for place, status in enumerate(request.statuses)
            if _is_known_status(check, f"statuses[{place}]", status)
        ]
        channel = _word(check, "channel", request.channel, _CHANNELS) if request.channel else ""
        return Search(
            salon_id=check.optional_id("salon_id", request.salon_id),
            booking_id=check.optional_id("booking_id", request.booking_id),
            statuses=statuses,
            channel=channel or "",
        )


_LONGEST_MAIL = 2_000
_LONGEST_TEXT = 1_400
"""Providers refuse text messages of more than 1,600 characters, and the salon's name stands before these."""


def letter(request: service_pb2.SendNotificationRequest, now: datetime) -> WriteLetter:
    """What to write to whom."""
    with Violations() as check:
        channel = _word(check, "channel", request.channel, _CHANNELS)
        needs_subject = channel is Channel.EMAIL
        return WriteLetter(
            salon_id=check.id("salon_id", request.salon_id),
            recipient_id=check.id("recipient_id", request.recipient_id),
            booking_id=check.optional_id("booking_id", request.booking_id),
            channel=channel or Channel.SMS,
            subject=check.text("subject", request.subject, 200, 1 if needs_subject else 0),
            body=check.text(
                "body", request.body, _LONGEST_MAIL if needs_subject else _LONGEST_TEXT, 1, lines=True
            ),
            schedule_at=(
                schedule_time(check, request.schedule_time, now)
                if request.HasField("schedule_time")
                else None
            ),
        )


def schedule_time(check: Violations, given: Timestamp, now: datetime) -> datetime:
    """When to send, at most a year ahead. Whether it is past is decided where a repeated request is known."""
    moment = instant(check, "schedule_time", given)
    if moment > now + FURTHEST:
        check.add("schedule_time", "RANGE_TOO_LONG", max=FURTHEST)
    return moment


def preferences_change(
    request: service_pb2.UpdateMyPreferencesRequest,
) -> Callable[[Preferences], Preferences]:
    """What to make of a person's choices."""
    given = request.preferences
    paths = paths_to_write(given, request.update_mask)
    changes: dict[str, object] = {}
    with Violations() as check:
        if "toggles" in paths:
            changes["toggles"] = _toggles(check, given.toggles)
        if "preferred_method" in paths:
            method = _METHODS.get(given.preferred_method)
            if method is None:
                check.add("preferences.preferred_method", "UNKNOWN_VALUE")
            changes["method"] = method
        if "quiet_hours_enabled" in paths:
            changes["quiet_hours_enabled"] = given.quiet_hours_enabled
        if "quiet_hours_start" in paths:
            changes["quiet_start"] = _wall_time(
                check, "preferences.quiet_hours_start", given.quiet_hours_start
            )
        if "quiet_hours_end" in paths:
            changes["quiet_end"] = _wall_time(check, "preferences.quiet_hours_end", given.quiet_hours_end)

    def change(present: Preferences) -> Preferences:
        check_etag(given.etag, present.revision)
        return replace(present, **changes)  # type: ignore[arg-type]  # names and types as collected above

    return change


def settings_change(
    request: service_pb2.UpdateSalonSettingsRequest,
) -> Callable[[SalonSettings], SalonSettings]:
    """What to make of a salon's settings."""
    given = request.settings
    paths = paths_to_write(given, request.update_mask)
    changes: dict[str, object] = {}
    with Violations() as check:
        if "customer_channels" in paths:
            changes["customer_channels"] = _channels(
                check, "settings.customer_channels", given.customer_channels
            )
        if "staff_channels" in paths:
            changes["staff_channels"] = _channels(check, "settings.staff_channels", given.staff_channels)
        if "reminders" in paths:
            changes["reminders"] = _reminders(check, given.reminders)
        if "default_language_code" in paths:
            changes["default_language"] = (
                check.language("settings.default_language_code", given.default_language_code)
                if given.default_language_code
                else DEFAULT_SETTINGS.default_language
            )

    def change(present: SalonSettings) -> SalonSettings:
        check_etag(given.etag, present.revision)
        return replace(present, **changes)  # type: ignore[arg-type]  # names and types as collected above

    return change


def _word(check: Violations, field: str, number: int, words: Mapping[int, Word]) -> Word | None:
    """The word that a number of an enum stands for; 0 is never one."""
    if number and number not in words:
        check.add(field, "UNKNOWN_VALUE")
    elif not number:
        check.add(field, "REQUIRED")
    return words.get(number)


def _is_known_status(check: Violations, field: str, number: int) -> bool:
    known = number in pb2.Notification.Status.values() and number != 0
    if not known:
        check.add(field, "UNKNOWN_VALUE")
    return known


def _wall_time(check: Violations, field: str, value: str) -> time:
    check.matching(field, value, _WALL_TIME)
    return time.fromisoformat(value) if _WALL_TIME.fullmatch(value) else time()


def _toggles(
    check: Violations, given: Sequence[pb2.NotificationPreferences.Toggle]
) -> dict[tuple[Event, Channel], bool]:
    check.count("preferences.toggles", given, 100)
    toggles: dict[tuple[Event, Channel], bool] = {}
    for place, toggle in enumerate(given):
        field = f"preferences.toggles[{place}]"
        event = _word(check, f"{field}.event", toggle.event, _EVENTS)
        channel = _word(check, f"{field}.channel", toggle.channel, _CHANNELS)
        if event is None or channel is None:
            continue
        if (event, channel) in toggles:
            check.add(field, "DUPLICATE")
        toggles[event, channel] = toggle.enabled
    return toggles


def _channels(check: Violations, field: str, given: Sequence[int]) -> tuple[Channel, ...]:
    check.count(field, given, len(_CHANNELS), 1)
    words = [_word(check, f"{field}[{place}]", number, _CHANNELS) for place, number in enumerate(given)]
    known = [word for word in words if word is not None]
    if len(set(known)) < len(known):
        check.add(field, "DUPLICATE")
    return tuple(known)


def _reminders(
    check: Violations, given: Sequence[pb2.SalonNotificationSettings.ReminderRule]
) -> tuple[ReminderRule, ...]:
    check.count("settings.reminders", given, 10)
    rules: list[ReminderRule] = []
    for place, rule in enumerate(given):
        field = f"settings.reminders[{place}]"
        offset = span(check, f"{field}.offset", rule.offset)
        if not _SHORTEST_OFFSET <= offset <= FURTHEST:
            check.add(f"{field}.offset", "OUT_OF_RANGE", min=_SHORTEST_OFFSET, max=FURTHEST)
        elif offset % _MINUTE:
            check.add(f"{field}.offset", "MALFORMED")
        if any(known.offset == offset for known in rules):
            check.add(field, "DUPLICATE")
        rules.append(ReminderRule(offset, _channels(check, f"{field}.channels", rule.channels)))
    return tuple(rules)


def report(
    request: service_pb2.ReceiveDeliveryReportRequest, headers: Iterable[tuple[str, str | bytes]]
) -> IncomingReport:
    """A delivery report as it came; headers that are no text say nothing about it."""
    return IncomingReport(
        provider=request.provider,
        notification_id=request.notification_id,
        body=request.body.data,
        content_type=request.body.content_type,
        headers={name: text for name, text in headers if isinstance(text, str)},
    )
