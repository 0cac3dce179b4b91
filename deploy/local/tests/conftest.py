from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

POSTGRES = """
[[process]]
name = "postgres"
unprivileged = true
command = ["{postgres}", "-D", "{postgres_data}", "-p", "{port:postgres}", "-c", "listen_addresses={host}",
           "-c", "unix_socket_directories=", "-c", "fsync=off"]
ready = "command:{pg_isready} -q -h {host} -p {port:postgres} -d postgres -U postgres"
stop_signal = "SIGINT"

[[process]]
name = "till"
service = "shop"
command = ["sleep", "1000"]
after = ["postgres"]

[service.shop]
"""
NATS = """
[[process]]
name = "nats"
command = ["{nats_server}", "--addr", "{host}", "--port", "{port:nats}", "--http_port", "{port:nats-monitor}",
           "--jetstream", "--store_dir", "{data}/nats"]
ready = "http:nats-monitor/healthz"
"""
SLEEPER = """
[[process]]
name = "sleeper"
command = ["sleep", "1000"]
"""
STUBBORN = """
[[process]]
name = "stubborn"
command = ["sh", "-c", "trap '' TERM; echo deaf; while true; do sleep 0.1; done"]
ready = "command:grep -q deaf {data}/logs/stubborn.log"
stop_seconds = 0.5
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's user may walk through; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="kursi-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def table(home: Path):
    """Writes a process table made of the given pieces and returns its path."""

    def write(*pieces: str) -> Path:
        path = home / "table.toml"
        path.write_text("".join(pieces))
        path.chmod(0o644)
        return path

    return write


@pytest.fixture
def postgres() -> str:
    return POSTGRES


@pytest.fixture
def nats() -> str:
    return NATS


@pytest.fixture
def sleeper() -> str:
    return SLEEPER


@pytest.fixture
def stubborn() -> str:
    return STUBBORN


@pytest.fixture
def unused_port() -> Iterator[int]:
    """Taken, so that nobody else can listen there, and without a listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
