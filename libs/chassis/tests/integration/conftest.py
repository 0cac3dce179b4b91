"""A database that has every shared table, and events to put into it."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from kursi_chassis.db import ddl
from kursi_chassis.db.database import Database
from kursi_chassis.events.envelope import Event
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseFactory, DatabaseUrls

EFFECTS = "CREATE TABLE effects (event_id uuid NOT NULL, by_whom text NOT NULL DEFAULT '')"
NOTES = """
CREATE TABLE notes (
    id uuid NOT NULL, word text NOT NULL,
    CONSTRAINT notes_pkey PRIMARY KEY (id),
    CONSTRAINT notes_word_key UNIQUE (word) DEFERRABLE INITIALLY DEFERRED
)
"""
GRANTS = ddl.grants(
    "chassis_app",
    read_write=["outbox", "inbox", "dead_letters", "replies", "effects", "notes"],
    append_only=["audit"],
)
CHILDREN = Path(__file__).parent / "children"
sys.path.insert(0, str(Path(__file__).parent))


def make_tables(owner_url: str) -> None:
    tables = [
        ddl.OUTBOX_V1,
        ddl.INBOX_V1,
        ddl.DEAD_LETTERS_V1,
        ddl.REPLIES_V1,
        ddl.AUDIT_V1,
        EFFECTS,
        NOTES,
        GRANTS,
    ]
    with psycopg.connect(owner_url) as connection:
        connection.execute(";".join(tables).encode())


@pytest.fixture
def prepare() -> Callable[[str], None]:
    return make_tables


@pytest.fixture
def child():
    """Starts `children/<script>.py` as a process of its own; killed at the end of the block at the latest."""

    @contextmanager
    def start(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen([sys.executable, str(CHILDREN / f"{script}.py"), *arguments])
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    return start


@pytest.fixture
def urls(databases: DatabaseFactory):
    with databases.borrow("chassis", make_tables) as urls:
        yield urls


@pytest_asyncio.fixture
async def database(urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = await Database.open(urls.app, pool_size=8, application_name="test")
    yield database
    await database.close()


@pytest.fixture
def an_event() -> Callable[..., Event]:
    def make(aggregate_id: UUID | None = None, revision: int = 1, payload: bytes = b"body") -> Event:
        aggregate = aggregate_id or new_id()
        return Event(
            type="kursi.test.v1.happened",
            subject=f"kursi.test.v1.{aggregate}.happened",
            aggregate_id=aggregate,
            revision=revision,
            payload=payload,
            occurred_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        )

    return make
