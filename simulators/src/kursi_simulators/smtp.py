"""A mail server that keeps what it gets, and fails when told to."""

import asyncio
import ssl
from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from kursi_simulators import credentials
from kursi_simulators.faults import Fault, FaultQueue
from kursi_simulators.http_server import reset_connection
from kursi_simulators.wire import iso, utc_now

SIZE_LIMIT = 10_000_000
_ACCEPTING = ("slow", "garbage", "timeout_after_accept", "reset_after_accept", "status_after_accept")
_CLOSING = 421
_CLOSING_SECONDS = 0.05  # long enough for the reply to leave before the connection does


@dataclass(frozen=True, slots=True)
class Mail:
    """One accepted mail: the envelope, and the parts of the message that people and tests look at."""

    received_at: str | None
    mail_from: str
    rcpt_to: list[str]
    message_id: str
    subject: str
    headers: dict[str, str]
    text: str
    html: str
    attachments: list[dict[str, str]]
    raw: str


@dataclass(slots=True)
class MailAttempt:
    """One DATA command: `reply` is what the sender was told, None when it heard nothing."""

    at: str | None
    mail_from: str
    rcpt_to: list[str]
    handle: str | None
    fault: str | None
    accepted: bool = False
    reply: str | None = None


class SmtpSimulator:
    """The mail books and faults. For a fault the method is the command, the path the address.

    Faults on EHLO, MAIL and RCPT meet the command; those on DATA meet the end of the message, except
    `reset_before_accept`, which cuts the connection before the final dot.
    """

    def __init__(self) -> None:
        self.faults = FaultQueue()
        self.mails: list[Mail] = []
        self.attempts: list[MailAttempt] = []
        self.logins: list[str] = []
        self.connections: set[MailProtocol] = set()
        self.opened = 0
        """Connections since the start, or since the books were emptied."""

    def reset(self) -> None:
        self.faults.clear()
        self.mails.clear()
        self.attempts.clear()
        self.logins.clear()
        self.opened = 0

    def books(self) -> dict[str, object]:
        return {
            "mails": [asdict(mail) for mail in self.mails],
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "logins": list(self.logins),
        }

    def protocol(self, starttls: ssl.SSLContext | None = None) -> "MailProtocol":
        """A new connection; with `starttls` it takes no mail before the client has switched to TLS."""
        self.opened += 1
        return MailProtocol(self, starttls)

    def hang_up(self) -> None:
        """Cut every connection, those that hang in a time-out included."""
        for connection in list(self.connections):
            connection.cut()

    def log_in(self, login: LoginPassword) -> AuthResult:
        user, password = credentials.SMTP_USERNAME.encode(), credentials.SMTP_PASSWORD.encode()
        success = (login.login, login.password) == (user, password)
        if success:
            self.logins.append(credentials.SMTP_USERNAME)
        return AuthResult(success=success, handled=False)


class MailProtocol(SMTP):
    """One connection."""

    def __init__(self, simulator: SmtpSimulator, starttls: ssl.SSLContext | None) -> None:
        super().__init__(
            _DataHandler(self),
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="smtp.simulator.test",
            ident="Kursi mail simulator",
            auth_require_tls=False,
            authenticator=lambda _server, _session, _envelope, _mechanism, login: simulator.log_in(login),
            tls_context=starttls,
            require_starttls=starttls is not None,
            loop=asyncio.get_running_loop(),
        )
        self._simulator = simulator
        self._data_fault: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._simulator.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._simulator.connections.discard(self)
        super().connection_lost(error)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802  # aiosmtpd finds commands by name
        if not await self._is_refused("EHLO", hostname or ""):
            await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        if not await self._is_refused("MAIL", _address(arg)):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        if not await self._is_refused("RCPT", _address(arg)):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        envelope = self.envelope or Envelope()
        recipients = [str(address) for address in envelope.rcpt_tos]
        self._data_fault = self._simulator.faults.take("DATA", recipients[0]) if recipients else None
        if self._data_fault is None or self._data_fault.kind != "reset_before_accept":
            await super().smtp_DATA(arg)
            return
        self._simulator.attempts.append(
            MailAttempt(iso(utc_now()), envelope.mail_from or "", recipients, None, self._data_fault.kind)
        )
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        await self._reader.readuntil(b"\r\n")
        self.cut()

    async def take_message(self, envelope: Envelope) -> str:
        """Keep the mail, unless a fault of the end of the message says otherwise; the reply to give."""
        fault, self._data_fault = self._data_fault, None
        mail = _mail(envelope)
        attempt = MailAttempt(
            mail.received_at, mail.mail_from, mail.rcpt_to, mail.message_id, fault.kind if fault else None
        )
        self._simulator.attempts.append(attempt)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        attempt.accepted = fault is None or fault.kind in _ACCEPTING
        if attempt.accepted:
            self._simulator.mails.append(mail)
        attempt.reply = await self._misbehave(fault) if fault else None
        attempt.reply = attempt.reply or "250 2.0.0 Accepted"
        return attempt.reply

    async def _is_refused(self, command: str, address: str) -> bool:
        """Play the fault that this command meets, if any; False when the command may go on."""
        fault = self._simulator.faults.take(command, address)
        if fault is None:
            return False
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return False
        await self.push(await self._misbehave(fault) or "451 4.3.0 Try again later")
        return True

    async def _misbehave(self, fault: Fault) -> str | None:
        """The reply of a fault, if it has one. Time-outs and cuts end here with the connection."""
        if fault.kind in ("status", "status_after_accept"):
            if fault.code == _CLOSING:
                asyncio.get_running_loop().call_later(_CLOSING_SECONDS, self._hang_up)
            return f"{fault.code} {fault.body or 'Simulated failure'}"
        if fault.kind == "garbage":
            return "?!"
        if fault.kind == "slow":
            return None
        if fault.kind.startswith("reset"):
            self.cut()
        await asyncio.Event().wait()  # until the connection is lost, which cancels us
        return None

    def cut(self) -> None:
        if self.transport is not None:
            reset_connection(self.transport)

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _DataHandler:
    """The one hook of aiosmtpd that we use. Apart from the protocol, whose own names it would confuse."""

    def __init__(self, protocol: MailProtocol) -> None:
        self._protocol = protocol

    async def handle_DATA(  # noqa: N802  # aiosmtpd finds hooks by name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        return await self._protocol.take_message(envelope)


def _address(arg: str | None) -> str:
    return (arg or "").partition("<")[2].partition(">")[0]


def _mail(envelope: Envelope) -> Mail:
    raw = envelope.original_content or b""
    message = message_from_bytes(raw, policy=default)
    return Mail(
        received_at=iso(utc_now()),
        mail_from=envelope.mail_from or "",
        rcpt_to=[str(address) for address in envelope.rcpt_tos],
        message_id=str(message.get("Message-ID", "")),
        subject=str(message.get("Subject", "")).strip(),  # a long one may begin on the second line
        headers={name: str(value) for name, value in message.items()},
        text=_part(message, "plain"),
        html=_part(message, "html"),
        attachments=[
            {"name": part.get_filename() or "", "type": part.get_content_type()}
            for part in message.iter_attachments()
        ],
        raw=raw.decode(errors="replace"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
