"""A closed loop of clients, and a client that is lean enough not to be what is measured."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What a number of clients got done."""

    calls: int
    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds

    def percentile_ms(self, share: float) -> float:
        """A latency in milliseconds that this share of the calls kept."""
        return percentile_ms(self.latencies, share)


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """In milliseconds, what this share of them did not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


async def closed_loop(clients: int, seconds: float, call: Callable[[int], Awaitable[object]]) -> Load:
    """Each client calls again as soon as it has its answer; `call` gets the client's number. At least one call is made."""
    latencies: list[float] = []
    stop = time.perf_counter() + seconds

    async def client(number: int) -> None:
        started = time.perf_counter()
        while not latencies or started < stop:
            await call(number)
            latencies.append(time.perf_counter() - started)
            started = time.perf_counter()

    began = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(clients)))
    return Load(len(latencies), time.perf_counter() - began, latencies)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


READ_AHEAD = 1 << 24
"""Bytes: asyncio's usual 64 KiB would have the gateway wait for this process again and again in an answer of megabytes."""


class HTTPConnection:
    """One kept-alive HTTP/1.1 connection; reads just enough of an answer to know where it ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(host, port, limit=READ_AHEAD))

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; the status and the body of the answer, which must have a content-length."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
