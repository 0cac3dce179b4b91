"""Callbacks leave, whatever becomes of others."""

import asyncio

import pytest
from kursi_chassis.testing.eventually import eventually
from kursi_simulators.callbacks import Callback, CallbackSender

AT_ONCE = 150
"""More than the library connects at once when nobody says otherwise."""


@pytest.fixture
async def sender():
    stopping = asyncio.Event()
    sender = CallbackSender(retry_waits=(), timeout=60)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sender.run(stopping))
        await eventually(lambda: sender._client)
        yield sender
        stopping.set()


async def test_no_callback_waits_for_the_connection_of_another(sender):
    """A gateway that stands still has them all: none could take along the place that it gave up waiting for."""
    tasks = set()

    async def stand_still(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await reader.read(-1)
        finally:
            writer.close()

    async with await asyncio.start_server(stand_still, "127.0.0.1", 0, backlog=AT_ONCE) as server:
        host, port = server.sockets[0].getsockname()
        for name in map(str, range(AT_ONCE)):
            sender.post(Callback(name, name, "paid", f"http://{host}:{port}/", {}, b""))
        try:
            await eventually(lambda: len(tasks) == AT_ONCE, timeout=10)
        finally:
            sender.reset()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
