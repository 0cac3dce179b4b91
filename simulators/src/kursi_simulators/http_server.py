"""uvicorn inside somebody else's event loop: no signal handlers, known ports, connections that can be cut."""

import asyncio
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from random import SystemRandom

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

# Below the range from which systems take the ports of outgoing connections, so that a client's connection
# can never sit on a port that a restarted simulator wants back.
FREE_PORTS = range(20000, 32000)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free port of FREE_PORTS."""
    if port:
        return _listen(host, port)
    for candidate in SystemRandom().sample(FREE_PORTS, k=200):
        try:
            return _listen(host, candidate)
        except OSError:
            continue
    raise OSError("no free port found")


def _listen(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's delay (40 ms an answer) off only then.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    listener.settimeout(0)
    return listener


def reset_connection(transport: asyncio.BaseTransport) -> None:
    """Cut a connection with a TCP reset instead of a polite end."""
    # One over TLS that is closing has forgotten its socket.
    connection = None if transport.is_closing() else transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


class ResettableProtocol(H11Protocol):
    """Tells the application how to cut its own connection: `scope["state"]["reset_connection"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.app_state = {**self.app_state, "reset_connection": lambda: reset_connection(transport)}


class HttpServer(uvicorn.Server):
    """Serves one application on a socket that already listens, until `stop` is called."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=ResettableProtocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._listener = listener

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to the process, not to one of its servers."""
        yield

    async def run_until_stopped(self) -> None:
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        self.should_exit = True
