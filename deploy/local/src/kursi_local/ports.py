"""Ports: the usual one when it is free, another one when not, the same one at the next start."""

from __future__ import annotations

import fcntl
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import SystemRandom
from typing import IO

from kursi_local.folder import read_json, write_json

HOST = "127.0.0.1"
_SPARE = range(26000, 32000)
"""Below 32768, where Linux starts to take the ports of outgoing connections from; tests of the services take those below."""


class NoPortLeft(RuntimeError):
    """Thousands of ports were tried."""


class PortBook:
    """Gives every listener of a platform its port and keeps other platforms off it while this process lives.

    A free port stays free for seconds until its server listens, so each port is also reserved with a lock
    file that all launchers of the machine share; the kernel drops the lock when the launcher dies.
    """

    def __init__(self, book: Path, usual: Mapping[str, int]) -> None:
        self._book = book
        self._usual = usual
        self._reservations: dict[int, IO[str]] = {}
        self._ports: dict[str, int] = {}
        self._remembered = {name: port for name, port in read_json(book).items() if isinstance(port, int)}

    @property
    def ports(self) -> Mapping[str, int]:
        return self._ports

    def port(self, name: str) -> int:
        if name not in self._ports:
            self._ports[name] = next(port for port in self._candidates(name) if self._reserve(port))
            write_json(self._book, self._remembered | self._ports)
        return self._ports[name]

    def release(self) -> None:
        for reservation in self._reservations.values():
            reservation.close()
        self._reservations.clear()
        self._ports.clear()

    def _candidates(self, name: str) -> Iterator[int]:
        if name in self._remembered:
            yield self._remembered[name]
        if name in self._usual:
            yield self._usual[name]
        yield from SystemRandom().sample(_SPARE, len(_SPARE))
        raise NoPortLeft(name)

    def _reserve(self, port: int) -> bool:
        if port in self._reservations:
            return False
        reservation = _lock_file(port)
        if reservation is None:
            return False
        if _is_free(port):
            self._reservations[port] = reservation
            return True
        reservation.close()
        return False


def _lock_file(port: int) -> IO[str] | None:
    folder = Path(tempfile.gettempdir()) / "kursi-ports"
    name = folder / str(port)
    try:
        folder.mkdir(exist_ok=True)
        if folder.stat().st_mode & 0o777 != 0o777:
            folder.chmod(0o1777)  # launchers of several users meet here
        handle = name.open(
            "r" if name.exists() else "a"
        )  # sticky folders refuse O_CREAT on a stranger's file
    except PermissionError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # With it, connections of an earlier server that linger in TIME_WAIT do not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
