"""MessagingService on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi.messaging.v1 import messaging_service_pb2 as service_pb2
from kursi.messaging.v1.messaging_service_pb2_grpc import MessagingServiceServicer
from kursi_chassis.caller import Caller, Role, current_caller
from kursi_chassis.clock import Clock
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.idempotency import fingerprint
from kursi_chassis.ids import parse_id
from kursi_chassis.validation import Violations

from kursi_messaging.api import parsing, rendering
from kursi_messaging.domain.notification import Notification
from kursi_messaging.queries.notifications import Notifications, Search
from kursi_messaging.usecases.apply_delivery_report import DeliveryReports
from kursi_messaging.usecases.choices import Choices
from kursi_messaging.usecases.letters import Letters
from kursi_messaging.usecases.once import Request

NAME: Final = "kursi.messaging.v1.MessagingService"


class MessagingServicer(MessagingServiceServicer):
    """Parses, calls, renders."""

    def __init__(
        self,
        *,
        notifications: Notifications,
        letters: Letters,
        choices: Choices,
        reports: DeliveryReports,
        clock: Clock,
        page_token_key: str,
        default_language: str,
    ) -> None:
        self._notifications = notifications
        self._letters = letters
        self._choices = choices
        self._reports = reports
        self._clock = clock
        self._newest_tokens = PageTokens(page_token_key, "notifications")
        self._coming_tokens = PageTokens(page_token_key, "scheduled-notifications")
        self._default_language = default_language

    async def ListNotifications(
        self, request: service_pb2.ListNotificationsRequest, context: Context
    ) -> service_pb2.ListNotificationsResponse:
        """Messages of a salon, or the caller's own."""
        search = _visible(parsing.search(request), current_caller())
        filters = {name: str(getattr(search, name)) for name in search.__dataclass_fields__}
        position = self._newest_tokens.decode(request.page_token, filters)
        limit = page_size(request.page_size)
        before = UUID(str(position[0])) if position else None
        found = await self._notifications.newest(search, before=before, limit=limit + 1)
        token = self._newest_tokens.encode([str(found[limit - 1].id)], filters) if found[limit:] else ""
        return service_pb2.ListNotificationsResponse(
            notifications=map(rendering.notification, found[:limit]), next_page_token=token
        )

    async def GetNotification(
        self, request: service_pb2.GetNotificationRequest, context: Context
    ) -> pb2.Notification:
        """One message with every try."""
        message, attempts = await self._notifications.one(_notification_id(request))
        message.show_to(current_caller())
        return rendering.notification(message, attempts)

    async def RetryNotification(
        self, request: service_pb2.RetryNotificationRequest, context: Context
    ) -> pb2.Notification:
        """Try a message again."""
        answer = await self._letters.retry(_notification_id(request), current_caller(), _request(request))
        return pb2.Notification.FromString(answer)

    async def SendNotification(
        self, request: service_pb2.SendNotificationRequest, context: Context
    ) -> pb2.Notification:
        """Write to a customer."""
        command = parsing.letter(request, self._clock.now())
        answer = await self._letters.write(command, current_caller(), _request(request))
        return pb2.Notification.FromString(answer)

    async def ListScheduledNotifications(
        self, request: service_pb2.ListScheduledNotificationsRequest, context: Context
    ) -> service_pb2.ListScheduledNotificationsResponse:
        """Messages of a salon that are not due yet."""
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            booking_id = check.optional_id("booking_id", request.booking_id)
        filters = {"salon_id": str(salon_id), "booking_id": str(booking_id)}
        position = self._coming_tokens.decode(request.page_token, filters)
        after = (datetime.fromisoformat(str(position[0])), UUID(str(position[1]))) if position else None
        limit = page_size(request.page_size)
        found = await self._notifications.coming(salon_id, booking_id, after=after, limit=limit + 1)
        last = found[limit - 1] if found[limit:] else None
        token = self._coming_tokens.encode([last.due_at.isoformat(), str(last.id)], filters) if last else ""
        return service_pb2.ListScheduledNotificationsResponse(
            notifications=map(rendering.notification, found[:limit]), next_page_token=token
        )

    async def CancelScheduledNotification(
        self, request: service_pb2.CancelScheduledNotificationRequest, context: Context
    ) -> pb2.Notification:
        """Take a message back."""
        answer = await self._letters.cancel(_notification_id(request), current_caller(), _request(request))
        return pb2.Notification.FromString(answer)

    async def RescheduleScheduledNotification(
        self, request: service_pb2.RescheduleScheduledNotificationRequest, context: Context
    ) -> pb2.Notification:
        """Move a message."""
        with Violations() as check:
            due_at = parsing.schedule_time(check, request.schedule_time, self._clock.now())
        answer = await self._letters.move(
            _notification_id(request), due_at, current_caller(), _request(request)
        )
        return pb2.Notification.FromString(answer)

    async def GetMyPreferences(
        self, request: service_pb2.GetMyPreferencesRequest, context: Context
    ) -> pb2.NotificationPreferences:
        """What the caller wants to be told."""
        return rendering.preferences(await self._choices.preferences_of(_user_id(current_caller())))

    async def UpdateMyPreferences(
        self, request: service_pb2.UpdateMyPreferencesRequest, context: Context
    ) -> pb2.NotificationPreferences:
        """Change what the caller wants to be told."""
        caller = current_caller()
        change = parsing.preferences_change(request)
        return rendering.preferences(await self._choices.change_preferences(_user_id(caller), change, caller))

    async def GetSalonSettings(
        self, request: service_pb2.GetSalonSettingsRequest, context: Context
    ) -> pb2.SalonNotificationSettings:
        """How a salon tells people."""
        settings = await self._choices.settings_of(parse_id(request.salon_id, "salon_id"))
        return rendering.salon_settings(request.salon_id, settings, self._default_language)

    async def UpdateSalonSettings(
        self, request: service_pb2.UpdateSalonSettingsRequest, context: Context
    ) -> pb2.SalonNotificationSettings:
        """Change how a salon tells people."""
        change = parsing.settings_change(request)
        salon_id = parse_id(request.salon_id, "salon_id")
        settings = await self._choices.change_settings(salon_id, change, current_caller())
        return rendering.salon_settings(request.salon_id, settings, self._default_language)

    async def ReceiveDeliveryReport(
        self, request: service_pb2.ReceiveDeliveryReportRequest, context: Context
    ) -> Empty:
        """Take a provider's report."""
        await self._reports.receive(parsing.report(request, context.invocation_metadata() or ()))
        return Empty()


def _visible(search: Search, caller: Caller) -> Search:
    """What the caller may see of it: a salon that they manage; else their own, and for admins all."""
    if search.salon_id is not None:
        caller.require_role(search.salon_id, Role.MANAGER)
        return search
    return search if caller.is_admin else replace(search, recipient_id=_user_id(caller))


def _user_id(caller: Caller) -> UUID:
    """The signed-in user; access rules let nobody else through."""
    if caller.user_id is None:
        raise LookupError("a method for users was called by somebody who is none")
    return caller.user_id


class _Named(Protocol):
    notification_id: str


class _Repeatable(Protocol):
    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def _notification_id(request: _Named) -> UUID:
    return parse_id(request.notification_id, "notification_id")


def _request(request: _Repeatable) -> Request:
    return Request(
        method=type(request).__name__.removesuffix("Request"),
        request_id=request.request_id,
        fingerprint=fingerprint(request.SerializeToString(deterministic=True)),
        render=_bytes,
    )


def _bytes(message: Notification) -> bytes:
    return rendering.notification(message).SerializeToString()
