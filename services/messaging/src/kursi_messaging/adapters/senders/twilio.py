"""Twilio Programmable Messaging: SMS and WhatsApp."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote, urlencode
from uuid import UUID

from kursi_chassis import http_client
from kursi_chassis.http_client import HttpClient, read_date, read_object, read_text

from kursi_messaging.adapters.twilio_words import NAME, report_of
from kursi_messaging.domain.outcome import Accepted, Ambiguous, Outcome, Refused, Retryable
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import NoAnswer, Outgoing, Question, Report

REPORTS_PATH = "/v1/webhooks/messaging/twilio"
_WHATSAPP = "whatsapp:"
_SERVICE_PREFIX = "MG"
_KEPT = ("sid", "status", "num_segments", "error_code", "code", "message")
_CLOCKS_APART = timedelta(seconds=5)
_LONGEST_CODE = 1_000_000


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account and whom its messages come from.

    `sms_sender` is a number, a name of letters or a messaging service (`MG…`); `whatsapp_sender` a number.
    `public_url` is where Twilio reaches this platform with its reports; empty: it reports nothing.
    """

    sid: str
    auth_token: str
    sms_sender: str
    whatsapp_sender: str
    public_url: str


class TwilioSender:
    """Hands text messages to one account.

    Twilio knows no idempotency keys: a repeat is a second message. What became of a request without a usable
    answer is learned from its report, whose address carries our own id, or from the account's list.
    """

    name = NAME

    def __init__(self, http: HttpClient, account: TwilioAccount) -> None:
        self._http = http
        self._account = account
        self._messages = f"/2010-04-01/Accounts/{account.sid}/Messages"
        self._path = f"{self._messages}.json"

    def serves(self, channel: Channel) -> bool:
        """Channels that have a sender of their own: one for SMS says nothing about WhatsApp."""
        return bool(self._account.sid and self._account.auth_token and self._sender(channel))

    async def send(self, message: Outgoing) -> Outcome:
        """Hand the message over."""
        answer = await self._http.send("POST", self._path, data=self._form(message), auth=self._credentials())
        match answer:
            case http_client.Accepted():
                return _accepted(_read(answer.body))
            case http_client.Refused():
                return _refused(answer)
            case http_client.Ambiguous():
                return _unclear(answer)

    async def find(self, question: Question, known: Collection[str]) -> Accepted | None:
        """The account's message with this text to this number."""
        to = _address(question.channel, question.to)
        day = (question.since - _CLOCKS_APART).date().isoformat()
        answer = await self._http.send(
            "GET",
            self._path,
            params={"To": to, "DateSent>": day, "PageSize": 50},
            auth=self._credentials(),
        )
        if not isinstance(answer, http_client.Accepted):
            raise NoAnswer(answer.why)
        listed = _read(answer.body).get("messages")
        if not isinstance(listed, list):
            raise NoAnswer("unreadable")
        fits = (entry for entry in listed if _is_meant(entry, to, question, known))
        return next((_as_accepted(entry) for entry in fits), None)

    async def report_on(self, notification_id: UUID, external_id: str) -> Report | None:
        """What became of a message that it has; None when it has none of this id (any more)."""
        path = f"{self._messages}/{quote(external_id, safe='')}.json"
        answer = await self._http.send("GET", path, auth=self._credentials())
        if isinstance(answer, http_client.Refused) and answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not isinstance(answer, http_client.Accepted):
            raise NoAnswer(answer.why)
        told = _read(answer.body)
        code = _number(told.get("error_code"))
        return report_of(notification_id, external_id, read_text(told.get("status")), str(code or ""))

    def _credentials(self) -> tuple[str, str]:
        return self._account.sid, self._account.auth_token

    def _sender(self, channel: Channel) -> str:
        return {
            Channel.SMS: self._account.sms_sender,
            Channel.WHATSAPP: self._account.whatsapp_sender,
        }.get(channel, "")

    def _form(self, message: Outgoing) -> dict[str, str]:
        sender = self._sender(message.channel)
        is_service = sender.startswith(_SERVICE_PREFIX)
        form = {
            "To": _address(message.channel, message.to),
            "MessagingServiceSid" if is_service else "From": (
                sender if is_service else _address(message.channel, sender)
            ),
            "Body": message.body,
        }
        if self._account.public_url:
            query = urlencode({"notificationId": str(message.notification_id)})
            form["StatusCallback"] = f"{self._account.public_url}{REPORTS_PATH}?{query}"
        return form


def _address(channel: Channel, number: str) -> str:
    return f"{_WHATSAPP}{number.removeprefix(_WHATSAPP)}" if channel is Channel.WHATSAPP else number


def _read(body: bytes) -> Mapping[str, object]:
    """The answer as an object; an empty one for everything else."""
    return read_object(body) or {}


def _accepted(answer: Mapping[str, object]) -> Accepted | Ambiguous:
    """A success that does not name the message may come from anybody on the way."""
    return _as_accepted(answer) if read_text(answer.get("sid")) else Ambiguous("twilio_unreadable")


def _as_accepted(entry: Mapping[str, object]) -> Accepted:
    return Accepted(read_text(entry.get("sid")), read_text(entry.get("status")), _kept(entry))


def _refused(answer: http_client.Refused) -> Refused | Retryable:
    told = _read(answer.body)
    if answer.retryable:
        code = "twilio_unreachable" if answer.status is None else _code(told, answer.status)
        return Retryable(code, answer.retry_after, _kept(told))
    return Refused(_code(told, answer.status or 0), _kept(told))


def _unclear(answer: http_client.Ambiguous) -> Retryable | Ambiguous:
    """A 5xx in Twilio's own words is a refusal by the one who would have sent it; any other may be a relay's."""
    told = _read(answer.body)
    if answer.status is not None and _number(told.get("code")) is not None:
        return Retryable(_code(told, answer.status), None, _kept(told))
    return Ambiguous(f"twilio_{answer.status or answer.why}")


def _code(told: Mapping[str, object], status: int) -> str:
    code = _number(told.get("code"))
    if code is not None:
        return f"twilio_{code}"
    return "twilio_429" if status == HTTPStatus.TOO_MANY_REQUESTS else f"twilio_http_{status}"


def _number(value: object) -> int | None:
    """The value as one of their codes, which have five digits."""
    return value if type(value) is int and 0 <= value < _LONGEST_CODE else None


def _kept(answer: Mapping[str, object]) -> dict[str, object]:
    """What is worth recording; never the text or the number."""
    told = {name: _number(answer.get(name)) or read_text(answer.get(name)) for name in _KEPT}
    return {name: value for name, value in told.items() if value}


def _is_meant(entry: object, to: str, question: Question, known: Collection[str]) -> bool:
    """Asked about nobody's number (somebody has given theirs up since), Twilio would list everybody's messages."""
    if not isinstance(entry, dict) or (entry.get("to"), entry.get("body")) != (to, question.body):
        return False
    sid, created = read_text(entry.get("sid")), read_date(entry.get("date_created"))
    is_ours = created is not None and created >= question.since - _CLOCKS_APART
    return bool(sid) and sid not in known and is_ours
