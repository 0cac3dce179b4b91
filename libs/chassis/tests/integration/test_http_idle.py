"""Connections that nobody uses are given up before the other side hangs up."""

import asyncio
import types

import httpx
import pytest
from kursi_chassis.http_client import Accepted, HttpClient
from kursi_chassis.http_pool import PooledTransport


class Service:
    """Answers, and counts the connections that it is asked over."""

    def __init__(self):
        self.connections = 0

    async def answer(self, reader, writer):
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
def clock(monkeypatch):
    """The clock that the library of the connections reads."""
    now = types.SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(
        "httpcore._async.http11.time", types.SimpleNamespace(monotonic=lambda: now.seconds), raising=True
    )
    return now


@pytest.mark.parametrize(("idle_seconds", "connections"), [(2, 1), (4, 2)])
async def test_a_connection_is_not_used_again_when_its_server_may_be_hanging_up(
    idle_seconds, connections, clock
):
    service = Service()
    async with await asyncio.start_server(service.answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}", transport=PooledTransport()) as client:
            http = HttpClient(client, "test", 5, 1_000)
            assert isinstance(await http.send("GET", "/"), Accepted)
            clock.seconds += idle_seconds
            assert isinstance(await http.send("GET", "/"), Accepted)
    assert service.connections == connections
