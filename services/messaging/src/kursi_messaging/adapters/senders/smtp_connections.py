"""Connections to a mail relay that carry one mail after the other, and what becomes of one that the relay closed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from asyncio import TimerHandle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiosmtplib

Security = Literal["none", "starttls", "tls"]
_CLOSING = 421
_GOODBYE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class MailRelay:
    """Where mail is handed in, and how many connections may be open at once.

    `security`: TLS from the start (port 465), STARTTLS, or nothing. `ca_file` has whom to trust in place of the
    system's list. A connection carries `mails_each` mails at most, and is closed after `idle_seconds` without one.
    """

    host: str
    port: int
    security: Security
    ca_file: Path | None
    username: str
    password: str
    sender: str
    timeout_seconds: float
    connections: int
    mails_each: int
    idle_seconds: float


@dataclass(slots=True)
class MailConnection:
    """A connection in somebody's hands, or resting until `rests` closes it."""

    client: aiosmtplib.SMTP
    carried: int = 0
    rests: TimerHandle | None = None


class MailConnections:
    """Lends connections, old ones first; who wants one while all are in use waits."""

    def __init__(self, relay: MailRelay) -> None:
        self._relay = relay
        self._room = asyncio.Semaphore(relay.connections)
        self._resting: list[MailConnection] = []
        self._tls = None if relay.security == "none" else ssl.create_default_context(cafile=relay.ca_file)

    @asynccontextmanager
    async def ready_for(self, sender: str, to: str) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection on which the relay waits for the text of a mail; whoever fails with it closes it.

        Waiting for a free one counts: all of it takes half of the time that a mail has. A relay may close a
        resting connection at any moment, and has been told nothing by then: the mail begins again on a new one.

        Raises:
            aiosmtplib.SMTPException, OSError, TimeoutError: there is no connection to be had in time, or the relay
                refuses. It has no text.
        """
        async with asyncio.timeout(self._relay.timeout_seconds / 2):
            await self._room.acquire()
            try:
                connection = await self._begin(sender, to)
            except BaseException:
                self._room.release()
                raise
        try:
            yield connection.client
        except BaseException:
            connection.client.close()
            raise
        finally:
            self._take_back(connection)
            self._room.release()

    async def _begin(self, sender: str, to: str) -> MailConnection:
        connection = await self._again(sender) or await self._anew(sender)
        try:
            await connection.client.rcpt(to)
        except aiosmtplib.SMTPResponseException:
            await self._forget(connection)
            raise
        except BaseException:
            connection.client.close()
            raise
        return connection

    async def _forget(self, connection: MailConnection) -> None:
        """Let the relay, which refused a recipient, forget the mail, so that the connection can carry another."""
        try:
            await connection.client.rset(timeout=_GOODBYE_SECONDS)
        except BaseException as error:
            connection.client.close()
            if not isinstance(error, (aiosmtplib.SMTPException, OSError)):
                raise
        self._take_back(connection)

    def _take_back(self, connection: MailConnection) -> None:
        connection.carried += 1
        if connection.client.is_connected and connection.carried < self._relay.mails_each:
            loop = asyncio.get_running_loop()
            connection.rests = loop.call_later(self._relay.idle_seconds, self._give_up, connection)
            self._resting.append(connection)
        else:
            connection.client.close()

    async def close(self) -> None:
        """Say goodbye on every resting connection."""
        resting = [self._wake_last() for _ in range(len(self._resting))]
        await asyncio.gather(*(_part(connection.client) for connection in resting))

    def _give_up(self, connection: MailConnection) -> None:
        self._resting.remove(connection)
        connection.client.close()

    async def _again(self, sender: str) -> MailConnection | None:
        """The resting connection that was used last, if it is still good; None without one.

        If not, the others rest for longer: looking at each would take the time of the mail.
        """
        if not self._resting:
            return None
        connection = self._wake_last()
        if await self._takes_another(connection.client, sender):
            return connection
        while self._resting:
            self._wake_last().client.close()
        return None

    def _wake_last(self) -> MailConnection:
        connection = self._resting.pop()
        if connection.rests is not None:
            connection.rests.cancel()
        return connection

    async def _takes_another(self, client: aiosmtplib.SMTP, sender: str) -> bool:
        """Whether it still works. One that is silently gone may cost a part of the time that a mail has."""
        try:
            await client.mail(sender, timeout=self._relay.timeout_seconds / 8)
        except BaseException as error:
            client.close()
            if _is_end(error):
                return False
            raise
        return True

    async def _anew(self, sender: str) -> MailConnection:
        client = aiosmtplib.SMTP(
            hostname=self._relay.host,
            port=self._relay.port,
            use_tls=self._relay.security == "tls",
            start_tls=self._relay.security == "starttls",
            tls_context=self._tls,
            timeout=self._relay.timeout_seconds,
        )
        try:
            await client.connect()
            if self._relay.username:
                await client.login(self._relay.username, self._relay.password)
            await client.mail(sender)
        except BaseException:
            client.close()
            raise
        return MailConnection(client)


def _is_end(error: BaseException) -> bool:
    """Whether the connection is over, as opposed to a refusal of the mail."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == _CLOSING
    return isinstance(error, (aiosmtplib.SMTPException, OSError))


async def _part(client: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=_GOODBYE_SECONDS)
    client.close()
