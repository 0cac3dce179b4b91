"""E-mail over a mail relay."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
from kursi_chassis.clock import Clock

from kursi_messaging.domain.outcome import Accepted, Ambiguous, Outcome, Refused, Retryable
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Outgoing, Question

Security = Literal["none", "starttls", "tls"]
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class MailRelay:
    """Where mail is handed in. `security`: TLS from the start (port 465), STARTTLS, or nothing."""

    host: str
    port: int
    security: Security
    username: str
    password: str
    sender: str
    timeout_seconds: float


class SmtpSender:
    """Hands mail to a relay.

    Every try of a message carries the same Message-ID, so that mailboxes which drop repetitions can do so.
    """

    name = "smtp"

    def __init__(self, relay: MailRelay, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock

    def serves(self, channel: Channel) -> bool:
        """E-mail, once it knows a relay and in whose name to write."""
        return channel is Channel.EMAIL and bool(self._relay.host and self._relay.sender)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand the mail over.

        An error reply is a refusal whenever it comes. Losing the connection is one until the text is on its
        way; from then on the relay may have it.
        """
        try:
            mail = self._compose(message)
        except ValueError:
            return Refused("smtp_header")  # a line break where only one line may be: somebody tries something
        client = self._client()
        try:
            return await self._open(client, message.to) or await self._write(client, mail)
        finally:
            client.close()

    async def find(self, question: Question, known: Collection[str]) -> None:
        """None: a relay keeps no list that could be asked for."""

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            use_tls=self._relay.security == "tls",
            start_tls=self._relay.security == "starttls",
            timeout=self._relay.timeout_seconds,
        )

    async def _open(self, client: aiosmtplib.SMTP, to: str) -> Outcome | None:
        """Everything before the text; None when the relay is ready for it."""
        try:
            async with asyncio.timeout(self._relay.timeout_seconds / 2):
                await client.connect()
                if self._relay.username:
                    await client.login(self._relay.username, self._relay.password)
                await client.mail(self._address())
                await client.rcpt(to)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, UnicodeError) as error:
            return Retryable(f"smtp_{type(error).__name__}")
        return None

    async def _write(self, client: aiosmtplib.SMTP, mail: bytes) -> Outcome:
        try:
            async with asyncio.timeout(self._relay.timeout_seconds / 2):
                reply = await client.data(mail)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Ambiguous(f"smtp_{type(error).__name__}")
        return Accepted(response={"code": reply.code, "message": reply.message[:200]})

    def _compose(self, message: Outgoing) -> bytes:
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = self._relay.sender
        mail["To"] = message.to
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(self._clock.now())
        mail["Message-ID"] = f"<{message.notification_id}@{self._address().rpartition('@')[2]}>"
        mail["Content-Language"] = message.language
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        if message.html_body:
            mail.add_alternative(message.html_body, subtype="html")
        return mail.as_bytes()

    def _address(self) -> str:
        """The bare address of `Kursi <no-reply@example.com>`."""
        return self._relay.sender.rpartition("<")[2].rstrip("> ")


def _refused(code: int) -> Refused | Retryable:
    """What a reply code means: 4xx is for now, 5xx for good (a wrong password too: ours to mend first)."""
    word = f"smtp_{code}"
    return Refused(word, {"code": code}) if code >= _PERMANENT else Retryable(word, None, {"code": code})
