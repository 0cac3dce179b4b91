"""Is it ready? Small probes over plain sockets.

gRPC's own library must not be loaded here: it keeps threads, and this process forks for every child.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

from kursi_local.ports import HOST
from kursi_local.table import TableError

Probe = Callable[[], Awaitable[bool]]

_PROBE_SECONDS = 1.0
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
"""Length-prefixed HealthCheckResponse with status SERVING."""


def build_probe(text: str, port: Callable[[str], int], fill: Callable[[str], str] = str) -> Probe:
    """The probe that a table's ``ready`` describes. ``fill`` replaces the placeholders of a command.

    Raises:
        TableError: a kind of probe nobody knows.
    """
    kind, _, rest = text.partition(":")
    if kind == "command":
        words = [fill(word) for word in rest.split()]  # filled in afterwards: a path may have blanks in it
        return lambda: _command(words)
    name, _, path = rest.partition("/")
    number = port(name)
    if kind == "http":
        return lambda: _guarded(_http(number, f"/{path}"))
    if kind == "grpc":
        return lambda: _guarded(_grpc(number))
    if kind == "tcp":
        return lambda: _guarded(_tcp(number))
    raise TableError(f"unknown probe {text}")


async def _guarded(answer: Awaitable[bool]) -> bool:
    try:
        # Not wait_for: until Python 3.12 it loses a cancellation that comes together with the answer.
        async with asyncio.timeout(_PROBE_SECONDS):
            return await answer
    except (OSError, EOFError, TimeoutError):
        return False


async def _command(command: list[str]) -> bool:
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, cwd="/")
    return await process.wait() == 0


async def _tcp(port: int) -> bool:
    _, writer = await asyncio.open_connection(HOST, port)
    writer.close()
    return True


async def _http(port: int, path: str) -> bool:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {HOST}:{port}\r\nconnection: close\r\n\r\n".encode())
        status_line = await reader.readline()
    finally:
        writer.close()
    return status_line.split()[1:2] == [b"200"]


async def _grpc(port: int) -> bool:
    """Ask ``grpc.health.v1.Health/Check`` for the whole server, in a handful of HTTP/2 frames."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, b""))
        writer.write(_frame(_HEADERS, _END_HEADERS, 1, _health_headers()))
        writer.write(_frame(_DATA, _END_STREAM, 1, bytes(5)))
        while True:
            kind, flags, payload = await _read_frame(reader)
            if kind == _DATA and payload:
                return payload == _SERVING
            if kind == _HEADERS and flags & _END_STREAM:
                return False
    finally:
        writer.close()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = await reader.readexactly(9)
    return head[3], head[4], await reader.readexactly(int.from_bytes(head[:3], "big"))


def _health_headers() -> bytes:
    """HPACK without compression: two static entries, then literals that are not indexed."""
    post_over_http = b"\x83\x86"
    path = b"\x04" + _literal(b"/grpc.health.v1.Health/Check")
    authority = b"\x01" + _literal(b"localhost")
    content_type = b"\x0f\x10" + _literal(b"application/grpc")
    trailers = b"\x00" + _literal(b"te") + _literal(b"trailers")
    return post_over_http + path + authority + content_type + trailers


def _literal(text: bytes) -> bytes:
    return bytes([len(text)]) + text
