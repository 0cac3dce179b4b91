"""All simulators of one process: their sockets, their start and their stop."""

import asyncio
import socket
from dataclasses import asdict, dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kursi_simulators.control import callback_routes, control_routes
from kursi_simulators.faults import FaultQueue
from kursi_simulators.gate import Attempt, FaultGate
from kursi_simulators.http_server import HttpServer, listen
from kursi_simulators.moyasar.api import MoyasarApi
from kursi_simulators.moyasar.payer import PayerPages
from kursi_simulators.moyasar.simulator import MoyasarSimulator
from kursi_simulators.page import sent_page
from kursi_simulators.smtp import SmtpSimulator
from kursi_simulators.twilio.api import TwilioApi
from kursi_simulators.twilio.simulator import TwilioSimulator


@dataclass(frozen=True, slots=True)
class Ports:
    """The TCP ports; 0 asks for a free one."""

    moyasar: int = 0
    twilio: int = 0
    smtp: int = 0
    control: int = 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)


class Suite:
    """The simulators behind sockets that listen from construction on: callers may connect at once."""

    def __init__(
        self, ports: Ports, *, host: str, time_factor: float, moyasar_base_url: str | None = None
    ) -> None:
        self._sockets = [listen(host, port) for port in asdict(ports).values()]
        self.ports = Ports(*(_port(listener) for listener in self._sockets))
        base_url = moyasar_base_url or f"http://{host}:{self.ports.moyasar}"
        self.moyasar = MoyasarSimulator(base_url=base_url, time_factor=time_factor)
        self.twilio = TwilioSimulator(time_factor=time_factor)
        self.smtp = SmtpSimulator()
        self._gates: list[FaultGate] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set; everything under way then ends within two seconds."""
        moyasar_socket, twilio_socket, smtp_socket, control_socket = self._sockets
        loop = asyncio.get_running_loop()
        mail_server = await loop.create_server(self.smtp.protocol, sock=smtp_socket)
        servers = [
            HttpServer(self._moyasar_app(), moyasar_socket),
            HttpServer(self._twilio_app(), twilio_socket),
            HttpServer(self._control_app(), control_socket),
        ]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.moyasar.callbacks.run(stopping))
            tasks.create_task(self.twilio.callbacks.run(stopping))
            for server in servers:
                tasks.create_task(server.run_until_stopped())
            await stopping.wait()
            mail_server.close()
            self.smtp.hang_up()
            for gate in self._gates:
                gate.close()
            for server in servers:
                server.stop()

    def reset(self) -> None:
        self.moyasar.reset()
        self.twilio.reset()
        self.smtp.reset()

    def _moyasar_app(self) -> FaultGate:
        routes: list[BaseRoute] = [
            *MoyasarApi(self.moyasar).routes(),
            *PayerPages(self.moyasar).routes(),
            *control_routes(self.moyasar),
            *callback_routes(self.moyasar.callbacks),
        ]
        return self._gated(routes, self.moyasar.faults, self.moyasar.attempts)

    def _twilio_app(self) -> FaultGate:
        routes: list[BaseRoute] = [
            *TwilioApi(self.twilio).routes(),
            *control_routes(self.twilio),
            *callback_routes(self.twilio.callbacks),
        ]
        return self._gated(routes, self.twilio.faults, self.twilio.attempts)

    def _gated(self, routes: list[BaseRoute], faults: FaultQueue, attempts: list[Attempt]) -> FaultGate:
        gate = FaultGate(Starlette(routes=routes), faults=faults, attempts=attempts)
        self._gates.append(gate)
        return gate

    def _control_app(self) -> Starlette:
        return Starlette(routes=[Route("/", self._show_sent, methods=["GET"]), *control_routes(self.smtp)])

    async def _show_sent(self, _request: Request) -> Response:
        return sent_page(
            payments=list(self.moyasar.payments.values()),
            messages=list(self.twilio.messages.values()),
            mails=self.smtp.mails,
        )


def _port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])
