"""Where payment is put together; nothing else builds pools, channels, clients or servers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, timedelta

import grpc
from kursi.identity.v1 import identity_service_pb2 as identity_pb
from kursi.identity.v1 import identity_service_pb2_grpc as identity_grpc
from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.db.migrate import migrate
from kursi_chassis.events.connection import close_nats, connect_nats
from kursi_chassis.events.consumer import EventConsumer
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.paging import PageTokens
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.grpc.tokens import Revocations, TokenVerifier
from kursi_chassis.http_client import HttpClient, http_client
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.process import Role
from kursi_chassis.revocation_feed import RevocationFeed, serve_following

from kursi_payment.adapters.bookings import REPEATABLE, GrpcBookings
from kursi_payment.adapters.moyasar import Moyasar
from kursi_payment.adapters.moyasar_webhook import MoyasarWebhook
from kursi_payment.api.servicer import SERVICE, PaymentServicer
from kursi_payment.assembly import Assembly
from kursi_payment.consumers.bookings import FILTERS, HandleBookings
from kursi_payment.jobs.attending import Attending
from kursi_payment.jobs.webhook import KeepRegistered
from kursi_payment.settings import PaymentSettings
from kursi_payment.store.wakeups import Wakeups
from kursi_payment.usecases.follow_booking import CONSUMER, FollowBooking

ROLES = ("serve", "relay", "consume", "jobs")


def migrate_database(settings: PaymentSettings) -> None:
    """Bring the schema up to date. Raises: ValueError without the owner's URL."""
    if settings.database_owner_url is None:
        message = "KURSI_PAYMENT_DATABASE_OWNER_URL is not set"
        raise ValueError(message)
    migrate(settings.database_owner_url.get_secret_value(), "kursi_payment.migrations")


@asynccontextmanager
async def build(settings: PaymentSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for, and what they share, open while the block runs."""
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            application_name="kursi-payment",
        )
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(
            http_client(settings.moyasar_base_url, timeout_seconds=settings.provider_timeout_seconds)
        )
        clock = SystemClock()
        provider = Moyasar(http, settings.moyasar_secret_key.get_secret_value())
        assembly = Assembly(settings, database, provider, clock)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(stack, assembly, database)
        if "relay" in roles:
            built["relay"] = await _relay(stack, settings, database)
        if "consume" in roles:
            built["consume"] = await _consume(stack, assembly, database)
        if "jobs" in roles:
            built["jobs"] = _jobs(assembly, database, http)
        yield built


def servicer(assembly: Assembly, bookings: GrpcBookings) -> PaymentServicer:
    """What answers the contract."""
    settings = assembly.settings
    pages = PageTokens(settings.page_token_key.get_secret_value(), "payments")
    return PaymentServicer(assembly.use_cases(bookings), settings.callback_origins, pages)


def jobs(assembly: Assembly, database: Database, http: HttpClient, wakeups: Wakeups) -> list[Job]:
    """Everything that is done without being asked."""
    settings, attend = assembly.settings, assembly.attend()
    timed = [
        # The round itself waits to be woken; the interval is only its pause after a failure.
        Job("attend_payments", timedelta(milliseconds=20), Attending(attend, wakeups)),
        Job("sweep_payments", timedelta(minutes=10), attend.sweep),
        *retention_jobs(database, "outbox", "inbox", "replies"),
    ]
    if settings.public_url:
        webhook = MoyasarWebhook(
            http,
            settings.moyasar_secret_key.get_secret_value(),
            settings.moyasar_webhook_secret.get_secret_value(),
        )
        keep = KeepRegistered(webhook.ensure, settings.public_url, assembly.clock)
        timed.append(Job("register_webhook", timedelta(seconds=10), keep))
    return timed


def _jobs(assembly: Assembly, database: Database, http: HttpClient) -> Role:
    wakeups = Wakeups(database)
    runner = JobRunner(database, jobs(assembly, database, http, wakeups))

    async def run(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wakeups.run(stopping))
            tasks.create_task(runner.run(stopping))

    return run


async def _serve(stack: AsyncExitStack, assembly: Assembly, database: Database) -> Role:
    settings, clock = assembly.settings, assembly.clock
    if settings.identity_address is None or settings.booking_address is None:
        message = "KURSI_PAYMENT_IDENTITY_ADDRESS and KURSI_PAYMENT_BOOKING_ADDRESS must be set"
        raise ValueError(message)
    tls = TlsFiles.from_settings(settings)
    identity = await stack.enter_async_context(
        connect(settings.identity_address, dependency="identity", tls=tls)
    )
    tokens = ServiceTokens(lambda: _own_token(identity, settings), clock)
    booking = await stack.enter_async_context(
        connect(settings.booking_address, dependency="booking", tokens=tokens, retry=REPEATABLE, tls=tls)
    )
    revocations = Revocations(clock)
    client = await connect_nats(settings.nats_url, name="kursi-payment revocations")
    stack.push_async_callback(close_nats, client)
    feed = RevocationFeed(client, revocations, clock)

    async def is_ready() -> bool:
        await database.ping()
        return True

    server = GrpcServer(
        settings,
        [(servicer(assembly, GrpcBookings(booking)), SERVICE)],
        _verifier(settings, identity, clock, revocations),
        is_ready=is_ready,
    )
    return serve_following(server.run, feed.run)


async def _relay(stack: AsyncExitStack, settings: PaymentSettings, database: Database) -> Role:
    client = await connect_nats(settings.nats_url, name="kursi-payment relay")
    stack.push_async_callback(close_nats, client)
    relay = Relay(database, client, STREAMS["payment"], replicas=settings.event_stream_replicas)
    database.on_commit(relay.nudge)
    return relay.run


async def _consume(stack: AsyncExitStack, assembly: Assembly, database: Database) -> Role:
    settings = assembly.settings
    client = await connect_nats(settings.nats_url, name="kursi-payment consumer")
    stack.push_async_callback(close_nats, client)
    consumer = EventConsumer(
        client,
        database,
        stream=STREAMS["booking"],
        durable=CONSUMER,
        filter_subjects=FILTERS,
        handle=HandleBookings(FollowBooking(assembly.begin, assembly.clock)),
        replicas=settings.event_stream_replicas,
    )
    return consumer.run


def _verifier(
    settings: PaymentSettings, identity: grpc.aio.Channel, clock: Clock, revocations: Revocations
) -> TokenVerifier:
    return TokenVerifier(
        lambda: _signing_keys(identity),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        internal_audience=settings.internal_audience,
        clock=clock,
        revocations=revocations,
    )


async def _signing_keys(identity: grpc.aio.Channel) -> bytes:
    stub = identity_grpc.IdentityServiceStub(identity)
    return bytes((await stub.GetJwks(identity_pb.GetJwksRequest())).data)


async def _own_token(identity: grpc.aio.Channel, settings: PaymentSettings) -> IssuedToken:
    stub = identity_grpc.IdentityInternalServiceStub(identity)
    issued = await stub.IssueServiceToken(
        identity_pb.IssueServiceTokenRequest(
            client_id="payment", client_secret=settings.client_secret.get_secret_value()
        )
    )
    return IssuedToken(issued.access_token, issued.expires_at.ToDatetime(UTC))
