"""Whoever gives up a request to a foreign service, wherever they wait, leaves its connections to the next ones."""

import asyncio

import httpx
import pytest
from interrupting import Interrupted
from kursi_chassis.http_client import Accepted, HttpClient
from kursi_chassis.http_pool import PooledTransport


@pytest.fixture
async def http():
    """A client with one connection, for a service that answers."""
    tasks = set()

    async def answer(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with httpx.AsyncClient(
            base_url=f"http://{host}:{port}", transport=PooledTransport(most_connections=1)
        ) as client:
            yield HttpClient(client, "test", 2, 1_000)
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    "later", [[], [1], [2]], ids=["once", "and in the next wait", "and in the one after"]
)
@pytest.mark.parametrize("wait", range(12))
async def test_a_request_that_was_cancelled_keeps_no_connection(http, wait, later):
    work = Interrupted(http.send("GET", "/"), [wait, *(wait + more for more in later)])
    await asyncio.gather(asyncio.ensure_future(work), return_exceptions=True)
    assert isinstance(await http.send("GET", "/"), Accepted)


@pytest.mark.parametrize("wait", range(12))
async def test_a_request_that_was_cancelled_while_another_had_the_connection_keeps_none(http, wait):
    another = asyncio.create_task(http.send("GET", "/"))
    work = Interrupted(http.send("GET", "/"), [wait])
    await asyncio.gather(asyncio.ensure_future(work), return_exceptions=True)
    assert isinstance(await another, Accepted)
    assert isinstance(await http.send("GET", "/"), Accepted)
