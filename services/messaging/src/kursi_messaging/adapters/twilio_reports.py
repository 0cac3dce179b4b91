"""Twilio's delivery reports."""

from __future__ import annotations

from uuid import UUID

from kursi_chassis.http_client import read_text

from kursi_messaging.adapters.senders.twilio import REPORTS_PATH
from kursi_messaging.adapters.twilio_signature import SignedRequest, SigningKeys, form_of, is_genuine
from kursi_messaging.adapters.twilio_words import NAME, report_of
from kursi_messaging.ports import IncomingReport, Report, ReportMalformed, ReportRefused


class TwilioReports:
    """Reads reports, after their signature."""

    name = NAME

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
        if not path.startswith("/"):
            raise ReportRefused  # it would go on with the name of the host, which is ours to say
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
        report = report_of(
            _reference(incoming.notification_id),
            read_text(form.get("MessageSid")),
            form.get("MessageStatus", ""),
            read_text(form.get("ErrorCode")),
        )
        if report is None:
            raise ReportMalformed
        return report


def _reference(notification_id: str) -> UUID | None:
    try:
        return UUID(notification_id) if notification_id else None
    except ValueError as error:
        raise ReportMalformed from error
