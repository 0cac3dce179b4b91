"""The messaging provider's mind: what it accepts, what becomes of it, and who is told."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlencode
from uuid import uuid4

from kursi_simulators import credentials
from kursi_simulators.callbacks import Callback, CallbackSender
from kursi_simulators.faults import FaultQueue
from kursi_simulators.gate import Attempt
from kursi_simulators.twilio.numbers import DELIVERY_CODES, E164, HTTP_STATUS, MESSAGES, code_of
from kursi_simulators.twilio.segments import segments_of
from kursi_simulators.twilio.signature import sign
from kursi_simulators.wire import utc_now

MAXIMUM_BODY = 1600
STEP_SECONDS = 5.0
NOT_SIMULATED = ("ScheduleType", "SendAt", "MediaUrl", "PersistentAction")
_WHATSAPP = "whatsapp:"
_ALPHANUMERIC_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +&_-]{1,11}")


class TwilioError(Exception):
    """An answer in Twilio's classic error shape."""

    def __init__(self, code: int) -> None:
        super().__init__(MESSAGES[code])
        self.code = code
        self.status = HTTP_STATUS.get(code, 400)

    def to_json(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": str(self),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


@dataclass(slots=True)
class TwilioMessage:
    """One accepted message; `fate` is the error code its delivery will end with, if any."""

    sid: str
    to: str
    sender: str | None
    messaging_service_sid: str | None
    body: str
    status_callback: str | None
    content_sid: str | None
    content_variables: str | None
    fate: int | None
    status: str
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)
    sent_at: datetime | None = None
    error_code: int | None = None

    def to_json(self) -> dict[str, object]:
        account = f"/2010-04-01/Accounts/{credentials.TWILIO_ACCOUNT_SID}"
        return {
            "sid": self.sid,
            "account_sid": credentials.TWILIO_ACCOUNT_SID,
            "status": self.status,
            "to": self.to,
            "from": self.sender,
            "body": self.body,
            "num_segments": str(segments_of(self.body)),
            "num_media": "0",
            "direction": "outbound-api",
            "error_code": self.error_code,
            "error_message": MESSAGES[self.error_code] if self.error_code else None,
            "price": None,
            "price_unit": "USD",
            "messaging_service_sid": self.messaging_service_sid,
            "date_created": format_datetime(self.created_at),
            "date_updated": format_datetime(self.updated_at),
            "date_sent": format_datetime(self.sent_at) if self.sent_at else None,
            "api_version": "2010-04-01",
            "uri": f"{account}/Messages/{self.sid}.json",
            "subresource_uris": {"media": f"{account}/Messages/{self.sid}/Media.json"},
        }


class TwilioSimulator:
    """One account in memory. `time_factor` shortens the steps from queued to sent to delivered."""

    def __init__(self, *, time_factor: float) -> None:
        self.faults = FaultQueue()
        self.attempts: list[Attempt] = []
        self.callbacks = CallbackSender(retry_waits=(), timeout=15)
        self.messages: dict[str, TwilioMessage] = {}
        self._step_seconds = STEP_SECONDS * time_factor

    def reset(self) -> None:
        self.messages.clear()
        self.attempts.clear()
        self.faults.clear()
        self.callbacks.reset()

    def books(self) -> dict[str, object]:
        return {
            "messages": [_entry(message) for message in self.messages.values()],
            "callbacks": [callback.to_json() for callback in self.callbacks.sent],
            "attempts": [attempt.to_json() for attempt in self.attempts],
        }

    def send(self, form: Mapping[str, str]) -> TwilioMessage:
        """Take a message; its delivery goes on in the background.

        Raises:
            TwilioError: with the code of the rule that was broken, or of a magic recipient.
        """
        fate = _check(form)
        service = form.get("MessagingServiceSid") or None
        message = TwilioMessage(
            sid=f"SM{uuid4().hex}",
            to=form["To"],
            sender=form.get("From") or None,
            messaging_service_sid=service,
            body=form.get("Body", ""),
            status_callback=form.get("StatusCallback") or None,
            content_sid=form.get("ContentSid") or None,
            content_variables=form.get("ContentVariables") or None,
            fate=fate,
            status="accepted" if service else "queued",
        )
        self.messages[message.sid] = message
        self.callbacks.background(self._deliver(message))
        return message

    async def _deliver(self, message: TwilioMessage) -> None:
        self._advance(message, "queued")
        await asyncio.sleep(self._step_seconds)
        self._advance(message, "sent")
        await asyncio.sleep(self._step_seconds)
        if message.fate is None:
            self._advance(message, "delivered")
            return
        message.error_code = message.fate
        self._advance(message, "failed" if message.fate >= 60000 else "undelivered")

    def _advance(self, message: TwilioMessage, status: str) -> None:
        message.status, message.updated_at = status, utc_now()
        if status == "sent":
            message.sent_at = message.updated_at
        if message.status_callback:
            self.callbacks.post(_notice(message, message.status_callback))


def _check(form: Mapping[str, str]) -> int | None:
    """Raise for a message that Twilio would refuse; otherwise the code its delivery will end with."""
    recipient, sender = form.get("To", ""), form.get("From", "")
    if not recipient:
        raise TwilioError(21604)
    if not (sender or form.get("MessagingServiceSid")):
        raise TwilioError(21603)
    if any(name in form for name in NOT_SIMULATED):
        raise TwilioError(20001)
    _check_content(form)
    number = recipient.removeprefix(_WHATSAPP)
    if not E164.fullmatch(number):
        raise TwilioError(21211)
    if sender:
        _check_sender(recipient, sender)
    code = code_of(number)
    if code is not None and code not in DELIVERY_CODES:
        raise TwilioError(code)
    return code


def _check_content(form: Mapping[str, str]) -> None:
    if not (form.get("Body") or form.get("ContentSid")):
        raise TwilioError(21602)
    if len(form.get("Body", "")) > MAXIMUM_BODY:
        raise TwilioError(21617)
    try:
        variables = json.loads(form.get("ContentVariables") or "{}")
    except ValueError as error:
        raise TwilioError(21656) from error
    if not isinstance(variables, dict):
        raise TwilioError(21656)


def _check_sender(recipient: str, sender: str) -> None:
    if recipient.startswith(_WHATSAPP) != sender.startswith(_WHATSAPP):
        raise TwilioError(21612)
    number = sender.removeprefix(_WHATSAPP)
    if not (E164.fullmatch(number) or _ALPHANUMERIC_SENDER.fullmatch(number)):
        raise TwilioError(21212)


def _entry(message: TwilioMessage) -> dict[str, object]:
    """The message as the books show it, with what the wire format leaves out."""
    return {
        **message.to_json(),
        "status_callback": message.status_callback,
        "content_sid": message.content_sid,
        "content_variables": message.content_variables,
    }


def _notice(message: TwilioMessage, url: str) -> Callback:
    params = {
        "AccountSid": credentials.TWILIO_ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "From": message.sender,
        "To": message.to,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
        "MessagingServiceSid": message.messaging_service_sid,
        "ErrorCode": str(message.error_code) if message.error_code else None,
    }
    present = [(name, value) for name, value in params.items() if value is not None]
    return Callback(
        id=f"{message.sid}:{message.status}",
        about=message.sid,
        kind=message.status,
        url=url,
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "user-agent": "TwilioProxy/1.1 (simulator)",
            "x-twilio-signature": sign(url, present, credentials.TWILIO_AUTH_TOKEN),
        },
        body=urlencode(present).encode(),
    )
