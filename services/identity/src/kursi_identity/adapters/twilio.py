"""Twilio Programmable Messaging: SMS and WhatsApp."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from kursi_chassis.http_client import Accepted, HttpClient, Refused, read_object
from kursi_chassis.logging import get_logger

from kursi_identity.adapters.wording import Wording
from kursi_identity.domain.otp import Channel
from kursi_identity.ports import CodeMessage, Delivery

_WHATSAPP = "whatsapp:"
_SERVICE_PREFIX = "MG"

log = get_logger()


@dataclass(frozen=True, slots=True)
class TwilioSender:
    """Whom messages come from.

    `sms` is a number, an alphanumeric name or a messaging service (`MG…`); `whatsapp` a number. `templates`
    maps a language to the approved content (`HX…`) that WhatsApp demands for the first message of a
    conversation; its only variable is the code. Without one the text is sent freely.
    """

    sms: str = ""
    whatsapp: str = ""
    templates: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class TwilioProvider:
    """Hands codes to one Twilio account.

    The provider knows no idempotency keys: a repeat is a second message. So nothing is ever repeated here, and
    an exchange without a usable answer is ambiguous.
    """

    def __init__(
        self,
        name: str,
        http: HttpClient,
        *,
        account_sid: str,
        auth_token: str,
        sender: TwilioSender,
        wording: Wording,
    ) -> None:
        self.name = name
        self._http = http
        self._credentials = (account_sid, auth_token)
        self._path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._sender = sender
        self._wording = wording

    async def deliver(self, message: CodeMessage) -> Delivery:
        """Hand the message over."""
        outcome = await self._http.send("POST", self._path, data=self._form(message), auth=self._credentials)
        if isinstance(outcome, Accepted):
            return Delivery.ACCEPTED
        refused = isinstance(outcome, Refused)
        log.warning(
            "code_refused" if refused else "code_delivery_ambiguous",
            provider=self.name,
            channel=message.channel.value,
            why=outcome.why,
            error_kind=_error_code(outcome.body),
        )
        return Delivery.REFUSED if refused else Delivery.AMBIGUOUS

    def _form(self, message: CodeMessage) -> dict[str, str]:
        lifetime = str(message.lifetime // timedelta(seconds=1))
        content = self._content(message)
        if message.channel is Channel.WHATSAPP:
            return {
                "To": _WHATSAPP + message.destination,
                "From": _WHATSAPP + self._sender.whatsapp,
                "ValidityPeriod": lifetime,
                **content,
            }
        is_service = self._sender.sms.startswith(_SERVICE_PREFIX)
        sender = {"MessagingServiceSid" if is_service else "From": self._sender.sms}
        return {"To": message.destination, **sender, "ValidityPeriod": lifetime, **content}

    def _content(self, message: CodeMessage) -> dict[str, str]:
        template = self._sender.templates.get(message.language)
        if message.channel is Channel.WHATSAPP and template:
            return {"ContentSid": template, "ContentVariables": json.dumps({"1": message.code})}
        return {"Body": self._wording.text(message)}


def _error_code(body: bytes) -> int | None:
    """Twilio's number of what was wrong, when the answer has one."""
    code = (read_object(body) or {}).get("code")
    return code if isinstance(code, int) else None
