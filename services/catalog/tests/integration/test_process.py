"""The catalog as it is run: built by `main.build`, told by its environment, ended by an event."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kursi.catalog.events.v1 import catalog_events_pb2 as events
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import catalog_service_pb2_grpc as rpc
from kursi_catalog.main import ROLES, build
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
