"""The connection to the broker outlives whatever somebody publishes."""

import asyncio
from contextlib import AsyncExitStack

import nats.errors
import pytest
from kursi_chassis.events import connection
from kursi_chassis.events.connection import close_nats, connect_nats, news
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import rpc_settings
from kursi_chassis.wiring import Wiring


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"HPUB kursi.test.v1.x 6 10\r\nXX\r\n\r\n1234\r\n", "kursi.test.v1.x"),
        (b"PUB kursi.test.v1.\xff 4\r\n1234\r\n", "kursi.test.v1.\N{REPLACEMENT CHARACTER}"),
    ],
    ids=["headers that are none", "a subject that is no text"],
)
async def test_garbage_does_not_deafen_the_connection(nats_server, raw, subject):
    """The broker takes any bytes, and delivers them unread to whoever listens to a part of the subjects."""
    client = await connect_nats(nats_server.url, name="test")
    subscription = await client.subscribe("kursi.test.v1.*")
    await client.flush()

    await publish_raw(nats_server.port, raw)
    await client.publish("kursi.test.v1.x", b"good")

    broken, good = [await subscription.next_msg(timeout=30) for _ in range(2)]
    assert (broken.subject, broken.data, broken.headers) == (subject, b"1234", None)
    assert good.data == b"good"
    await close_nats(client)


async def test_what_never_left_keeps_no_place_among_what_waits_for_an_acknowledgement(nats_client):
    """So it is while the broker is away and the client's buffer is full, or where the broker takes no events that large."""
    jetstream = nats_client.jetstream(publish_async_max_pending=2)
    await jetstream.add_stream(name="TEST", subjects=["kursi.test.v1.>"])

    async with asyncio.timeout(20):
        for _ in range(3):
            with pytest.raises(nats.errors.MaxPayloadError):
                await jetstream.publish_async("kursi.test.v1.x", bytes(nats_client.max_payload + 1))
        stored = await (await jetstream.publish_async("kursi.test.v1.x", b"good"))

    assert stored.seq == 1
    assert jetstream.publish_async_pending() == 0


async def test_a_process_closes_its_connections_side_by_side(own_nats, fixed_clock):
    """One after the other they would take longer than whoever stops the process waits."""
    stack = AsyncExitStack()
    wiring = Wiring(rpc_settings(nats_url=own_nats.url), stack, fixed_clock)
    clients = [await wiring.nats(duty) for duty in ("relay", "consumer", "revocations")]
    for client in clients:
        await client.subscribe("kursi.test.v1.x")
    own_nats.freeze()

    closing = asyncio.create_task(stack.aclose())
    try:
        await eventually(lambda: all(client.is_draining for client in clients))
    finally:
        own_nats.thaw()
        await closing


async def publish_raw(port, command):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n' + command + b"PING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()


async def test_closing_waits_no_longer_than_its_limit_for_a_broker_that_stands_still(own_nats, monkeypatch):
    """More is on its way than the buffers between the two take."""
    monkeypatch.setattr(connection, "DRAIN_SECONDS", 0.5)
    client = await connect_nats(own_nats.url, name="test")
    own_nats.freeze()
    flood = [asyncio.create_task(client.publish("kursi.test.v1.x", bytes(1_000_000))) for _ in range(40)]
    await eventually(lambda: client._transport._io_writer.transport.get_write_buffer_size() > 0)

    closing = asyncio.create_task(close_nats(client))
    ended, _ = await asyncio.wait({closing}, timeout=30)

    assert ended
    own_nats.kill()
    for publishing in flood:
        publishing.cancel()
    await asyncio.gather(*flood, closing, return_exceptions=True)


class Silent:
    """A subscription to which nothing came; the client says so with an error of its own, or with asyncio's."""

    def __init__(self, error):
        self._error = error
        self.looked_after = False

    async def fetch(self, batch, timeout):
        raise self._error

    async def consumer_info(self):
        self.looked_after = True


@pytest.mark.parametrize("error", [nats.errors.TimeoutError(), TimeoutError()])
async def test_a_second_without_news_loses_no_subscription(error):
    silent = Silent(error)
    assert (await news(silent), silent.looked_after) == ([], True)
