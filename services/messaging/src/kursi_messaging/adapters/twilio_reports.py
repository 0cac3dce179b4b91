"""Twilio's delivery reports."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from kursi_chassis.http_client import read_text

from kursi_messaging.adapters.senders.twilio import REPORTS_PATH
from kursi_messaging.adapters.twilio_signature import SignedRequest, SigningKeys, form_of, is_genuine
from kursi_messaging.domain.words import Status
from kursi_messaging.ports import IncomingReport, Report, ReportMalformed, ReportRefused

_STATUS: Final = {
    "accepted": Status.SENT,
    "scheduled": Status.SENT,
    "queued": Status.SENT,
    "sending": Status.SENT,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.OPENED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
"""What their words mean to us. Sent is that the provider has it: everything that is not yet an outcome."""


class TwilioReports:
    """Reads reports, after their signature."""

    name = "twilio"

    def __init__(self, keys: SigningKeys, public_url: str) -> None:
        self._keys = keys
        self._public_url = public_url

    def read(self, incoming: IncomingReport) -> Report:
        """The report in our words.

        Raises:
            ReportRefused: the signature is not Twilio's.
            ReportMalformed: it says nothing that could be understood.
        """
        path = incoming.headers.get("x-envoy-original-path", REPORTS_PATH)
        request = SignedRequest(
            url=f"{self._public_url}{path}",
            body=incoming.body,
            content_type=incoming.content_type,
            signature=incoming.headers.get("x-twilio-signature", ""),
            settings=incoming.headers.get("x-twilio-webhooks-signature-settings", ""),
        )
        if not is_genuine(request, self._keys):
            raise ReportRefused
        form = form_of(incoming.body) or {}
        word, external_id = form.get("MessageStatus", ""), read_text(form.get("MessageSid"))
        if word not in _STATUS or not external_id:
            raise ReportMalformed
        code = read_text(form.get("ErrorCode"))
        return Report(
            provider=self.name,
            notification_id=_reference(incoming.notification_id),
            external_id=external_id,
            status=_STATUS[word],
            reported_status=word,
            error_code=f"twilio_{code}" if code else "",
        )


def _reference(notification_id: str) -> UUID | None:
    try:
        return UUID(notification_id) if notification_id else None
    except ValueError as error:
        raise ReportMalformed from error
