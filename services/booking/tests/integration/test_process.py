"""The service as a process is put together: every role starts, does its work and ends when it is told to."""

import asyncio

import pytest
from kursi_booking.main import ROLES, build
from kursi_booking.settings import BookingSettings
from kursi_chassis.db.database import Database
from kursi_chassis.process import run_roles
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import ISSUER
from kursi_chassis.testing.servers import free_port

EVENT = """
INSERT INTO outbox (event_id, subject, aggregate_id, revision, headers, payload)
VALUES (uuidv7(), 'kursi.booking.v1.a.b.created', uuidv7(), 1, '{}', 'x')
"""


@pytest.fixture
def make_settings(nats_server):
    def make(database_url):
        return BookingSettings(
            database_url=database_url,
            nats_url=nats_server.url,
            client_secret="a secret of the test",
            token_issuer=ISSUER,
            page_token_key="a key of the test",
            grpc_address=f"127.0.0.1:{free_port()}",
            identity_address=f"127.0.0.1:{free_port()}",
            catalog_address=f"127.0.0.1:{free_port()}",
            drain_seconds=0,
            stop_seconds=1,
        )

    return make


async def test_all_roles_start_publish_and_end(databases, make_settings, nats_client):
    stopping = asyncio.Event()
    with databases.borrow("booking") as urls:
        database = await Database.open(urls.app, application_name="test")

        async def is_published():
            async with database.reading() as connection:
                cursor = await connection.execute(
                    "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"
                )
                return await cursor.fetchone() == (1,)

        async with build(make_settings(urls.app), frozenset(ROLES)) as roles:
            assert set(roles) == set(ROLES)
            running = asyncio.create_task(run_roles(roles, stopping=stopping, stop_within_seconds=60))
            async with database.transaction() as connection:
                await connection.execute(EVENT)
            await eventually(is_published)
            stopping.set()
            assert await running
        await database.close()
