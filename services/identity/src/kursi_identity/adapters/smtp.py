"""E-mail over a mail relay."""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Literal

import aiosmtplib
from kursi_chassis.clock import Clock
from kursi_chassis.logging import get_logger

from kursi_identity.adapters.wording import Wording
from kursi_identity.ports import CodeMessage, Delivery

Security = Literal["none", "starttls", "tls"]
_SECONDS = 10.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed in. `security`: TLS from the start (port 465), STARTTLS or nothing."""

    host: str
    port: int
    security: Security
    username: str
    password: str
    sender: str


class SmtpProvider:
    """Hands codes to a mail relay."""

    name = "smtp"

    def __init__(self, relay: Relay, wording: Wording, clock: Clock) -> None:
        self._relay = relay
        self._wording = wording
        self._clock = clock

    async def deliver(self, message: CodeMessage) -> Delivery:
        """Hand the message over.

        An error reply at any point means that the relay did not take it; so does everything that happens
        before the message is handed over. What is lost after that may have been taken.
        """
        client = aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            use_tls=self._relay.security == "tls",
            start_tls=self._relay.security == "starttls",
            timeout=_SECONDS,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                await self._open(client)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            client.close()
            return _failed(Delivery.REFUSED, error)
        try:
            async with asyncio.timeout(_SECONDS):
                await client.send_message(self._compose(message))
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
            return _failed(Delivery.REFUSED, error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return _failed(Delivery.AMBIGUOUS, error)
        finally:
            client.close()
        return Delivery.ACCEPTED

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._relay.username:
            await client.login(self._relay.username, self._relay.password)

    def _compose(self, message: CodeMessage) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._relay.sender
        mail["To"] = message.destination
        mail["Subject"] = self._wording.subject(message)
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = make_msgid(domain=self._relay.sender.rpartition("@")[2].strip("> "))
        mail["Content-Language"] = message.language
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._wording.text(message))
        return mail


def _failed(delivery: Delivery, error: Exception) -> Delivery:
    log.warning("code_mail_failed", outcome=delivery.name.lower(), error=type(error).__name__)
    return delivery
