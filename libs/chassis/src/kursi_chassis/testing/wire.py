"""A TCP connection that tests can break in one direction."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Wire:
    """Stands between a client and a server on 127.0.0.1; connect to `port` instead of `target_port`.

    While `swallow_answers` is set, requests arrive and their answers do not: the fault that makes a client
    unsure whether anything was done.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.swallow_answers = False
        self._target_port = target_port
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._connections.add(asyncio.create_task(self._connect(reader, writer)))

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, their_writer, lambda: False))
                pumps.create_task(_pump(their_reader, writer, lambda: self.swallow_answers))
        finally:
            writer.close()
            their_writer.close()


async def _pump(reader: StreamReader, writer: StreamWriter, swallowing: Callable[[], bool]) -> None:
    while chunk := await reader.read(65536):
        if not swallowing():
            writer.write(chunk)
            await writer.drain()
    writer.close()
