"""For tests: the simulators inside the test's own event loop, with books that can be read directly."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from kursi_simulators.callbacks import Callback, CallbackSender
from kursi_simulators.faults import Fault, FaultKind, FaultQueue
from kursi_simulators.gate import Attempt
from kursi_simulators.moyasar.model import Payment, Token
from kursi_simulators.moyasar.payer import return_url
from kursi_simulators.moyasar.simulator import Decision, Movement
from kursi_simulators.smtp import Mail, MailAttempt
from kursi_simulators.suite import Ports, Suite
from kursi_simulators.twilio.simulator import TwilioMessage

# Retries of webhooks after 60 ms, 600 ms, ...; a message is delivered 10 ms after it was taken.
FAST = 0.001


class Faulty:
    """A simulator that can be told to misbehave."""

    def __init__(self, faults: FaultQueue) -> None:
        self._faults = faults

    def fault(
        self,
        kind: FaultKind,
        *,
        method: str = "*",
        path: str = "*",
        body_contains: str = "",
        nth: int = 1,
        times: int = 1,
        code: int = 500,
        body: object = None,
        retry_after: str | None = None,
        seconds: float = 0,
    ) -> None:
        """Queue a fault for the `nth` matching request and the `times - 1` after it (see Fault)."""
        fault = Fault(kind, method, path, body_contains, nth, times, code, body, retry_after, seconds)
        self._faults.add(fault)


class Moyasar(Faulty):
    """The payment provider."""

    def __init__(self, suite: Suite, host: str) -> None:
        super().__init__(suite.moyasar.faults)
        self._simulator = suite.moyasar
        self.origin = f"http://{host}:{suite.ports.moyasar}"
        self.base_url = f"{self.origin}/v1"

    def books(self) -> Mapping[str, object]:
        return self._simulator.books()

    def payments(self, **metadata: str) -> Sequence[Payment]:
        """All payments, or those that carry this metadata."""
        wanted = metadata.items()
        return [
            payment for payment in self._simulator.payments.values() if wanted <= payment.metadata.items()
        ]

    def payment(self, payment_id: str) -> Payment:
        return self._simulator.payments[payment_id]

    def token(self, token_id: str) -> Token:
        return self._simulator.tokens[token_id]

    def movements(self) -> Sequence[Movement]:
        return list(self._simulator.movements)

    def attempts(self, *, method: str | None = None, handle: str | None = None) -> Sequence[Attempt]:
        return [
            attempt
            for attempt in self._simulator.attempts
            if method in (None, attempt.method) and handle in (None, attempt.handle)
        ]

    def decide(self, subject_id: str, decision: Decision) -> str | None:
        """Approve or decline a payment or token as its payer; where the browser would go next."""
        payment = self._simulator.payments.get(subject_id)
        if payment is not None:
            self._simulator.decide_payment(payment, decision)
            return return_url(payment)
        token = self._simulator.tokens[subject_id]
        self._simulator.decide_token(token, decision)
        return return_url(token)

    @property
    def callbacks(self) -> CallbackSender:
        return self._simulator.callbacks

    def delivered(self, about: str) -> Sequence[Callback]:
        return _delivered(self.callbacks, about)


class Twilio(Faulty):
    """The messaging provider."""

    def __init__(self, suite: Suite, host: str) -> None:
        super().__init__(suite.twilio.faults)
        self._simulator = suite.twilio
        self.base_url = f"http://{host}:{suite.ports.twilio}"

    def books(self) -> Mapping[str, object]:
        return self._simulator.books()

    def messages(self, to: str | None = None) -> Sequence[TwilioMessage]:
        return [message for message in self._simulator.messages.values() if to in (None, message.to)]

    def attempts(self) -> Sequence[Attempt]:
        return list(self._simulator.attempts)

    @property
    def callbacks(self) -> CallbackSender:
        return self._simulator.callbacks

    def delivered(self, about: str) -> Sequence[Callback]:
        return _delivered(self.callbacks, about)


class Smtp(Faulty):
    """The mail server. For faults, the method is the SMTP command and the path the address."""

    def __init__(self, suite: Suite, host: str) -> None:
        super().__init__(suite.smtp.faults)
        self._simulator = suite.smtp
        self.host, self.port = host, suite.ports.smtp

    def books(self) -> Mapping[str, object]:
        return self._simulator.books()

    def mails(self, to: str | None = None) -> Sequence[Mail]:
        return [mail for mail in self._simulator.mails if to is None or to in mail.rcpt_to]

    def attempts(self) -> Sequence[MailAttempt]:
        return list(self._simulator.attempts)

    @property
    def opened(self) -> int:
        """Connections since the books were emptied."""
        return self._simulator.opened

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        return len(self._simulator.connections)

    def hang_up(self) -> None:
        """Cut every connection, as a relay does that restarts."""
        self._simulator.hang_up()

    @asynccontextmanager
    async def secured(
        self, security: Literal["starttls", "tls"], context: ssl.SSLContext
    ) -> AsyncIterator[int]:
        """The same mail server behind TLS while the block runs; its port."""
        loop = asyncio.get_running_loop()
        is_upgraded = security == "starttls"
        server = await loop.create_server(
            lambda: self._simulator.protocol(context if is_upgraded else None),
            self.host,
            0,
            ssl=None if is_upgraded else context,
        )
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            self.hang_up()


class Simulators:
    """What `running_simulators` gives."""

    def __init__(self, suite: Suite, host: str) -> None:
        self._suite = suite
        self.moyasar = Moyasar(suite, host)
        self.twilio = Twilio(suite, host)
        self.smtp = Smtp(suite, host)
        self.control_url = f"http://{host}:{suite.ports.control}"
        self.ports = suite.ports

    def reset(self) -> None:
        """Empty books, no faults, no callbacks, no registered webhooks."""
        self._suite.reset()


@asynccontextmanager
async def running_simulators(*, time_factor: float = FAST) -> AsyncIterator[Simulators]:
    """All simulators on free local ports. They run in a task of their own, so a fixture may enter in one
    task and leave in another.
    """
    host = "127.0.0.1"
    suite = Suite(Ports(), host=host, time_factor=time_factor)
    stopping = asyncio.Event()
    running = asyncio.create_task(suite.run(stopping))
    try:
        yield Simulators(suite, host)
    finally:
        stopping.set()
        await running


def _delivered(callbacks: CallbackSender, about: str) -> Sequence[Callback]:
    return [sent for sent in callbacks.sent if sent.about == about and sent.outcome == "delivered"]
