"""One message to one recipient, and who may see or change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import FailedPrecondition, NotFound

from kursi_messaging.domain.words import Status


class NotificationNotFound(NotFound):
    """There is no such message, or it is not the caller's business."""

    reason = "NOTIFICATION_NOT_FOUND"
    en = "There is no such message."
    ar = "لا توجد رسالة بهذا المعرّف."


class IllegalTransition(FailedPrecondition):
    """What has become of the message rules out what was asked for."""

    reason = "ILLEGAL_TRANSITION"
    en = "This is not possible for a message in the state {status}."
    ar = "لا يمكن ذلك لرسالة حالتها {status}."


class NotACustomer(FailedPrecondition):
    """A salon writes to somebody who never booked there."""

    reason = "NOT_A_CUSTOMER"
    en = "This person never booked at this salon."
    ar = "لم يسبق لهذا الشخص الحجز في هذا الصالون."


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message as it is recorded; the fields are the columns."""

    id: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    audience: str
    event: str
    occurrence: str
    channel: str
    status: str
    skip_reason: str
    error_code: str
    provider: str
    external_id: str
    delivery_status: str
    masked_recipient: str
    language_code: str
    template: str
    subject: str
    body: str
    html_body: str
    due_at: datetime
    facts: Mapping[str, object]
    attempt_count: int
    max_retries: int
    possible_duplicate: bool
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    clicked_at: datetime | None

    def show_to(self, caller: Caller) -> None:
        """Let its recipient, the managers of its salon and admins see it.

        Raises:
            NotificationNotFound: anybody else asks.
        """
        if caller.user_id != self.recipient_id and not self._is_managed_by(caller):
            raise NotificationNotFound

    def change_for(self, caller: Caller, *allowed: Status) -> None:
        """Let the managers of its salon and admins change it while it is in one of these states.

        Raises:
            NotificationNotFound: anybody else asks.
            IllegalTransition: it is in another state.
        """
        if not self._is_managed_by(caller):
            raise NotificationNotFound
        if self.status not in allowed:
            raise IllegalTransition(status=self.status)

    def _is_managed_by(self, caller: Caller) -> bool:
        if caller.is_admin:
            return True
        return self.salon_id is not None and caller.role_in(self.salon_id) >= Role.MANAGER


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to hand a message to a provider; the fields are the columns."""

    number: int
    provider: str
    outcome: str | None
    code: str
    dispatched_at: datetime
    finished_at: datetime | None
