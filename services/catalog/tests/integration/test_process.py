"""The catalog as it is run: built by `main.build`, told by its environment, ended by an event."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kursi.catalog.events.v1 import catalog_events_pb2 as events
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import catalog_service_pb2_grpc as rpc
from kursi_catalog.adapters.folder_store import FolderStore
from kursi_catalog.adapters.s3_store import S3Store
from kursi_catalog.main import ROLES, build, object_store
from kursi_catalog.settings import CatalogSettings
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.process import run_roles
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import free_port


async def test_all_roles_start_serve_publish_and_stop(
    identity, booking, nats_server, nats_client, world, database_urls
):
    """A change made through the contract reaches the stream; the process ends by itself when it is told to."""
    port = free_port()
    settings = CatalogSettings(
        database_url=database_urls.app,
        nats_url=nats_server.url,
        identity_address=f"127.0.0.1:{identity.port}",
        booking_address=f"127.0.0.1:{booking.port}",
        client_secret="a secret of the test",
        token_issuer="https://identity.test",
        page_token_key="a key of the test",
        grpc_address=f"127.0.0.1:{port}",
        drain_seconds=0,
        stop_seconds=1,
    )
    stopping = asyncio.Event()
    async with build(settings, frozenset(ROLES)) as roles:
        running = asyncio.create_task(run_roles(roles, stopping=stopping, stop_within_seconds=60))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await eventually(lambda: is_serving(channel))
            await rpc.CatalogServiceStub(channel).SearchSalons(api.SearchSalonsRequest())
        salon = await world.salon(live=False)
        subscription = await eventually(lambda: subscribe(nats_client))
        (message,) = await subscription.fetch(1, timeout=30)
        stopping.set()
        assert await running
    event = events.CatalogChangedEvent.FromString(message.data)
    assert (message.subject, event.salon_id, event.version) == ("kursi.catalog.v1.salon.changed", salon.id, 1)


@pytest.mark.covers("C2", "C8")
async def test_the_jobs_role_forgets_sweeps_and_looks_ahead(world, database_urls, tmp_path):
    """Each of its jobs has something to do; the clock is that of the machine."""
    salon = await world.salon()
    await world.execute(
        "INSERT INTO outbox (event_id, subject, aggregate_id, revision, headers, payload, published_at, stream_seq) "
        "VALUES (uuidv7(), 'old', uuidv7(), 1, '{}', '', now() - interval '1 year', 1)"
    )
    await world.execute(
        "INSERT INTO replies (caller, method, request_id, fingerprint, created_at) "
        "VALUES ('old', 'x', 'x', '', now() - interval '1 year')"
    )
    await world.execute("INSERT INTO photo_leftovers VALUES (uuidv7(), now() - interval '1 hour')")
    # Stopped as a clock of tests may be: what search knows has run out by that of the machine.
    known = "SELECT 1 FROM search_salons WHERE salon_id = %s AND open_until > now() + interval '7 days'"
    assert await world.rows(known, salon.id) == []
    left = """
        SELECT 'outbox' FROM outbox WHERE subject = 'old' UNION ALL SELECT 'replies' FROM replies WHERE caller = 'old'
        UNION ALL SELECT 'photos' FROM photo_leftovers
    """

    async def is_done():
        return await world.rows(left) == [] and await world.rows(known, salon.id)

    settings = CatalogSettings(
        database_url=database_urls.app,
        client_secret="a secret of the test",
        token_issuer="https://identity.test",
        page_token_key="a key of the test",
        photo_folder=tmp_path,
        stop_seconds=1,
    )
    stopping = asyncio.Event()
    async with build(settings, frozenset({"jobs"})) as roles:
        running = asyncio.create_task(run_roles(roles, stopping=stopping, stop_within_seconds=60))
        await eventually(is_done)
        stopping.set()
        assert await running


def test_photos_are_kept_in_the_bucket_where_there_is_one_and_in_the_folder_otherwise(settings):
    bucket = settings.model_copy(update={"photo_s3_bucket": "photos"})
    assert isinstance(object_store(bucket), S3Store)
    assert isinstance(object_store(settings), FolderStore)


async def is_serving(channel):
    try:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    except grpc.aio.AioRpcError:
        return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def subscribe(client):
    jetstream = client.jetstream()
    names = [stream.config.name for stream in await jetstream.streams_info()]
    if STREAMS["catalog"].name not in names:
        return None
    return await jetstream.pull_subscribe("kursi.catalog.v1.>", durable="test")
