"""E-mail over a mail relay."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib
from kursi_chassis.clock import Clock
from kursi_chassis.http_client import read_text

from kursi_messaging.adapters.senders.smtp_connections import MailConnections, MailRelay
from kursi_messaging.domain.outcome import Accepted, Ambiguous, Outcome, Refused, Retryable
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Outgoing, Question

_REFUSALS = range(400, 600)
_PERMANENT = range(500, 600)


class SmtpSender:
    """Hands mail to a relay.

    Every try of a message carries the same Message-ID, so that mailboxes which drop repetitions can do so.
    """

    name = "smtp"

    def __init__(self, relay: MailRelay, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock
        self.connections = MailConnections(relay)

    def serves(self, channel: Channel) -> bool:
        """E-mail, once it knows a relay and in whose name to write."""
        return channel is Channel.EMAIL and bool(self._relay.host and self._relay.sender)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand the mail over.

        An error reply is a refusal whenever it comes. Losing the connection, or the relay's wits, is one until the
        text is on its way; from then on the relay may have it.
        """
        try:
            mail = self._compose(message)
        except ValueError:
            return Refused("smtp_header")  # a line break where only one line may be: somebody tries something
        try:
            async with self.connections.ready_for(self._address(), message.to) as client:
                return await self._write(client, mail)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, UnicodeError) as error:
            return Retryable("smtp_certificate" if _is_distrust(error) else f"smtp_{type(error).__name__}")

    async def close(self) -> None:
        """Close what is open; nothing may be on its way."""
        await self.connections.close()

    async def find(self, question: Question, known: Collection[str]) -> None:
        """None: a relay keeps no list that could be asked for."""

    async def _write(self, client: aiosmtplib.SMTP, mail: bytes) -> Outcome:
        """Give the text away. A connection on which anything went wrong carries no other mail."""
        try:
            async with asyncio.timeout(self._relay.timeout_seconds / 2):
                reply = await client.data(mail)
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            # A reply that is neither yes nor no may be a relay's way of saying yes.
            return _refused(error.code) if error.code in _REFUSALS else Ambiguous(f"smtp_{error.code}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            client.close()
            return Ambiguous(f"smtp_{type(error).__name__}")
        return Accepted(response={"code": reply.code, "message": read_text(reply.message)})

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
    """What a reply code means: 5xx is for good (a wrong password too: ours to mend first), all others for now."""
    word = f"smtp_{code}"
    return Refused(word, {"code": code}) if code in _PERMANENT else Retryable(word, None, {"code": code})


def _is_distrust(error: BaseException | None) -> bool:
    """Whether the relay could not prove who it is."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
