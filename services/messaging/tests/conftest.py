"""Messaging in process: its own database, the planner, and the whole chain in front of the servicer."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest_asyncio
from kursi.messaging.v1.messaging_service_pb2_grpc import MessagingServiceStub
from kursi_chassis.caller import Role
from kursi_chassis.clock import FixedClock
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseUrls
from kursi_chassis.testing.rpc import TokenMint, bearer, serving
from kursi_messaging.consumers.handlers import Handlers
from kursi_messaging.main import Parts, build_planner, servicers
from kursi_messaging.settings import MessagingSettings
from kursi_messaging.usecases.planning import Planner
from psycopg.rows import dict_row

# Under importlib's import mode a folder of tests is no package: builders of events are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

from messaging_events import SALON, delivered


def messaging_settings(**changes: object) -> MessagingSettings:
    usual = {
        "database_url": "postgresql://unused",
        "client_secret": "a secret of the test",
        "token_issuer": "https://identity.test",
        "page_token_key": "a key of the test",
        "default_language": "en",
    }
    return MessagingSettings(**{**usual, **changes})


@dataclass
class Messaging:
    """The service under test."""

    database: Database
    clock: FixedClock
    urls: DatabaseUrls
    mint: TokenMint
    planner: Planner
    handlers: Handlers
    settings: MessagingSettings
    manager: UUID = field(default_factory=new_id)

    async def hear(self, *messages) -> None:
        """Take events into account, as one batch per stream, in this order."""
        batch = [delivered(message) for message in messages]
        for prefix, handle in (
            ("kursi.booking.", self.handlers.bookings),
            ("kursi.payment.", self.handlers.payments),
            ("kursi.identity.", self.handlers.people),
        ):
            if events := [event for event in batch if event.subject.startswith(prefix)]:
                await handle(events)

    async def rows(self, condition: str = "true", *parameters: object) -> list[dict]:
        """Notifications as they are stored, in the order of their making."""
        async with self.database.autocommit() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(f"SELECT * FROM notifications WHERE {condition} ORDER BY id", parameters)
            return await cursor.fetchall()

    async def execute(self, statement: str, *parameters: object) -> list[tuple]:
        async with self.database.autocommit() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall() if cursor.description else []

    def as_manager(self, salon: UUID = SALON, **headers: str):
        return bearer(self.mint.user(self.manager, salons={salon: Role.MANAGER}), **headers)

    def as_user(self, user_id: UUID, **headers: str):
        return bearer(self.mint.user(user_id), **headers)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[MessagingServiceStub]:
        parts = Parts(self.settings, self.database, self.clock, self.planner)
        async with serving(
            servicers(parts),
            self.mint,
        ) as channel:
            yield MessagingServiceStub(channel)


@pytest_asyncio.fixture
async def messaging(databases, fixed_clock) -> AsyncIterator[Messaging]:
    with databases.borrow("messaging") as urls:
        database = await Database.open(urls.app, pool_size=10, application_name="test")
        settings = messaging_settings()
        planner = build_planner(settings, database, fixed_clock)
        yield Messaging(
            database=database,
            clock=fixed_clock,
            urls=urls,
            mint=TokenMint(fixed_clock),
            planner=planner,
            handlers=Handlers(planner),
            settings=settings,
        )
        await database.close()


@pytest_asyncio.fixture
async def stub(messaging: Messaging) -> AsyncIterator[MessagingServiceStub]:
    async with messaging.served() as stub:
        yield stub
