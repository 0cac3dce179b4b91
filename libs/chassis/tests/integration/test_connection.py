"""The connection to the broker outlives whatever somebody publishes."""

import asyncio

from kursi_chassis.events.connection import close_nats, connect_nats


async def test_headers_that_are_none_do_not_deafen_the_connection(nats_server):
    """The broker passes on what stands where headers should, unread."""
    client = await connect_nats(nats_server.url, name="test")
    subscription = await client.subscribe("kursi.test.v1.x")
    await client.flush()

    await publish_raw(nats_server.port, b"HPUB kursi.test.v1.x 6 10\r\nXX\r\n\r\n1234\r\n")
    await client.publish("kursi.test.v1.x", b"good")

    broken, good = [await subscription.next_msg(timeout=30) for _ in range(2)]
    assert (broken.data, broken.headers) == (b"1234", None)
    assert good.data == b"good"
    await close_nats(client)


async def publish_raw(port, command):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n' + command + b"PING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()
