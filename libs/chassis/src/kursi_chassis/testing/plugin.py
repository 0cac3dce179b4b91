"""The pytest plugin: one PostgreSQL and one NATS per run, and what is cut from them per test."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import hypothesis
import pytest
import pytest_asyncio
from nats.aio.client import Client

from kursi_chassis.clock import FixedClock
from kursi_chassis.db import database
from kursi_chassis.events.connection import close_nats, connect_nats
from kursi_chassis.testing.databases import DatabaseFactory
from kursi_chassis.testing.folders import quick_folder
from kursi_chassis.testing.logs import plain_logs
from kursi_chassis.testing.servers import TEST_POSTGRES_SETTINGS, NatsServer, PostgresServer, free_port

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


hypothesis.settings.register_profile(
    "kursi",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=True,  # what a run finds depends on what was changed, not on the day
)


SHIPPED_SETTINGS = dict(database.SESSION_SETTINGS)


def pytest_configure() -> None:
    """No test judges by the clock of a busy machine; and plain log lines."""
    database.CHECKOUT_SECONDS = 60  # races ask with eighty callers for eight connections
    # Nobody gives up waiting for a lock, or loses one, before all have had their turn, however slow the machine is.
    limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    database.ANSWER_SECONDS = 120
    database.SESSION_SETTINGS = {**SHIPPED_SETTINGS, **dict.fromkeys(limits, "60s")}
    hypothesis.settings.load_profile("kursi")
    plain_logs()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Ids are new in every process, and workers that run side by side must agree on the names of the tests."""
    return argname if isinstance(val, UUID | str) and _ID.search(str(val)) else None


@pytest.fixture
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a lock that a test never gives back: whoever waits for it gives up soon."""
    monkeypatch.setattr(database, "SESSION_SETTINGS", {**database.SESSION_SETTINGS, "lock_timeout": "100ms"})


@pytest.fixture
def shipped_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is said of a connection in production: its limits are those that it has there, not those of tests."""
    monkeypatch.setattr(database, "SESSION_SETTINGS", SHIPPED_SETTINGS)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """Where servers keep their files."""
    directory = quick_folder()
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_dir: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run. Do not stop it; see `own_postgres`."""
    server = PostgresServer(server_dir / "postgres", free_port(), TEST_POSTGRES_SETTINGS)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nats_server(server_dir: Path) -> Iterator[NatsServer]:
    """A NATS server with JetStream for the whole run. Do not stop it; see `own_nats`."""
    server = NatsServer(server_dir / "nats", free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[DatabaseFactory]:
    """Migrated databases: `databases.create("booking")` or `with databases.borrow("booking") as urls`."""
    with DatabaseFactory.of(postgres_server) as factory:
        yield factory


@pytest_asyncio.fixture
async def nats_client(nats_server: NatsServer) -> AsyncIterator[Client]:
    """A connection to the shared NATS server; every stream is deleted after the test."""
    client = await connect_nats(nats_server.url, name="test")
    yield client
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(str(stream.config.name))
    await close_nats(client)


@pytest.fixture
def own_postgres(server_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """A PostgreSQL server for one test, to stop, kill and start again."""
    # While it is down each request waits that long; few ask at once.
    monkeypatch.setattr(database, "CHECKOUT_SECONDS", 5)
    port = free_port()
    server = PostgresServer(server_dir / f"postgres-{port}", port, TEST_POSTGRES_SETTINGS)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_nats(server_dir: Path) -> Iterator[NatsServer]:
    """A NATS server for one test, to stop, kill, freeze and start again."""
    port = free_port()
    server = NatsServer(server_dir / f"nats-{port}", port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fixed_clock() -> FixedClock:
    """A clock that stands at noon UTC on a Thursday until a test moves it."""
    return FixedClock(datetime(2026, 3, 12, 12, 0, tzinfo=UTC))
