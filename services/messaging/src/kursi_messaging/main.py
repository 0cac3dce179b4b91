"""Builds the messaging service: the only place that opens databases, connections and clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta

import grpc
from kursi.identity.v1.identity_service_pb2 import GetJwksRequest, IssueServiceTokenRequest
from kursi.identity.v1.identity_service_pb2_grpc import IdentityInternalServiceStub, IdentityServiceStub
from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.db.migrate import migrate
from kursi_chassis.events.connection import close_nats, connect_nats
from kursi_chassis.events.consumer import EventConsumer, Handle
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.grpc.tokens import Revocations, TokenVerifier
from kursi_chassis.jobs import JobRunner, retention_jobs
from kursi_chassis.process import Role
from kursi_chassis.revocation_feed import RevocationFeed, serve_following
from nats.aio.client import Client

from kursi_messaging.adapters.contacts import IdentityContacts
from kursi_messaging.api.servicer import NAME, MessagingServicer, Reports
from kursi_messaging.consumers.handlers import BOOKINGS, PAYMENTS, PEOPLE, Handlers
from kursi_messaging.dispatch.wiring import delivery_reports, dispatcher
from kursi_messaging.jobs.retention import Retention
from kursi_messaging.queries.notifications import Notifications
from kursi_messaging.settings import MessagingSettings
from kursi_messaging.usecases.choices import Choices
from kursi_messaging.usecases.letters import Letters
from kursi_messaging.usecases.planning import Planner, PlanningRules

ROLES = ("serve", "relay", "consume", "dispatch", "jobs")


def migrate_database(settings: MessagingSettings) -> None:
    """The `migrate` command. Raises: ValueError without the owner's URL."""
    if settings.database_owner_url is None:
        message = "KURSI_MESSAGING_DATABASE_OWNER_URL is needed to migrate"
        raise ValueError(message)
    migrate(settings.database_owner_url.get_secret_value(), "kursi_messaging.migrations")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the roles share."""

    settings: MessagingSettings
    database: Database
    clock: Clock
    planner: Planner


@asynccontextmanager
async def build(settings: MessagingSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for; everything they need is open inside the block."""
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            application_name="kursi-messaging",
        )
        stack.push_async_callback(database.close)
        clock = SystemClock()
        parts = Parts(settings, database, clock, build_planner(settings, database, clock))
        makers = {
            "serve": _serve, "relay": _relay, "consume": _consume, "dispatch": _dispatch, "jobs": _jobs,
        }  # fmt: skip
        yield {name: await make(parts, stack) for name, make in makers.items() if name in roles}


def build_planner(settings: MessagingSettings, database: Database, clock: Clock) -> Planner:
    """Planning under the operator's rules."""
    rules = PlanningRules(
        default_zone=settings.default_time_zone,
        replay_cutoff=settings.replay_cutoff,
        max_retries=settings.max_retries,
    )
    return Planner(database, clock, rules)


def build_servicer(parts: Parts, reports: Reports) -> MessagingServicer:
    """The contract's servicer."""
    settings = parts.settings
    return MessagingServicer(
        notifications=Notifications(parts.database),
        letters=Letters(parts.database, parts.clock, max_retries=settings.max_retries),
        choices=Choices(parts.database, parts.clock, parts.planner),
        reports=reports,
        clock=parts.clock,
        page_token_key=settings.page_token_key.get_secret_value(),
        default_language=settings.default_language,
    )


async def _serve(parts: Parts, stack: AsyncExitStack) -> Role:
    settings, clock = parts.settings, parts.clock
    identity = await stack.enter_async_context(
        connect(
            settings.identity_address or "",
            dependency="identity",
            tokens=None,
            retry=["kursi.identity.v1.IdentityService/GetJwks"],
            tls=TlsFiles.from_settings(settings),
        )
    )
    keys = IdentityServiceStub(identity)

    async def fetch_keys() -> bytes:
        answer = await keys.GetJwks(GetJwksRequest())
        return bytes(answer.data)

    revocations = Revocations(clock)
    verifier = TokenVerifier(
        fetch_keys,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        internal_audience=settings.internal_audience,
        clock=clock,
        revocations=revocations,
    )
    feed = RevocationFeed(await _nats(parts, stack, "feed"), revocations, clock)

    async def is_ready() -> bool:
        await parts.database.ping()
        return True

    servicer = build_servicer(parts, delivery_reports(settings, parts.database, clock))
    server = GrpcServer(settings, [(servicer, NAME)], verifier, is_ready=is_ready)
    return serve_following(server.run, feed.run)


async def _dispatch(parts: Parts, stack: AsyncExitStack) -> Role:
    """The dispatcher, with a pool of its own: it is nudged by what the rest of the process commits."""
    settings, clock = parts.settings, parts.clock
    database = await Database.open(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        application_name="kursi-messaging-dispatch",
    )
    stack.push_async_callback(database.close)
    address, tls = settings.identity_address or "", TlsFiles.from_settings(settings)
    unsigned = await stack.enter_async_context(connect(address, dependency="identity", tokens=None, tls=tls))
    identity = await stack.enter_async_context(
        connect(
            address,
            dependency="identity",
            tokens=ServiceTokens(lambda: _own_token(unsigned, settings), clock),
            retry=["kursi.identity.v1.IdentityInternalService/BatchGetContacts"],
            tls=tls,
        )
    )
    role = await stack.enter_async_context(dispatcher(settings, database, IdentityContacts(identity), clock))
    parts.database.on_commit(role.nudge)
    return role.run


async def _own_token(channel: grpc.aio.Channel, settings: MessagingSettings) -> IssuedToken:
    request = IssueServiceTokenRequest(
        client_id=settings.service, client_secret=settings.client_secret.get_secret_value()
    )
    token = await IdentityInternalServiceStub(channel).IssueServiceToken(request)
    return IssuedToken(token.access_token, token.expires_at.ToDatetime(UTC))


async def _relay(parts: Parts, stack: AsyncExitStack) -> Role:
    relay = Relay(
        parts.database,
        await _nats(parts, stack, "relay"),
        STREAMS["messaging"],
        replicas=parts.settings.event_stream_replicas,
    )
    parts.database.on_commit(relay.nudge)
    return relay.run


async def _consume(parts: Parts, stack: AsyncExitStack) -> Role:
    nats_client = await _nats(parts, stack, "consumers")
    handlers = Handlers(parts.planner)
    consumers = [
        _consumer(parts, nats_client, stream, durable=durable, subject=subject, handle=handle)
        for stream, durable, subject, handle in (
            ("booking", BOOKINGS, "kursi.booking.v1.>", handlers.bookings),
            ("payment", PAYMENTS, "kursi.payment.v1.>", handlers.payments),
            ("identity", PEOPLE, "kursi.identity.v1.user.>", handlers.people),
        )
    ]

    async def run(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for consumer in consumers:
                tasks.create_task(consumer.run(stopping))

    return run


def _consumer(
    parts: Parts, nats_client: Client, stream: str, *, durable: str, subject: str, handle: Handle
) -> EventConsumer:
    return EventConsumer(
        nats_client,
        parts.database,
        stream=STREAMS[stream],
        durable=durable,
        filter_subjects=[subject],
        handle=handle,
        replicas=parts.settings.event_stream_replicas,
    )


async def _jobs(parts: Parts, _stack: AsyncExitStack) -> Role:
    retention = Retention(
        parts.database,
        parts.clock,
        kept=timedelta(days=parts.settings.retention_days),
        customers_kept=timedelta(days=parts.settings.customers_kept_days),
    )
    jobs = [retention.job(), *retention_jobs(parts.database, "outbox", "inbox", "replies")]
    return JobRunner(parts.database, jobs).run


async def _nats(parts: Parts, stack: AsyncExitStack, duty: str) -> Client:
    nats_client = await connect_nats(parts.settings.nats_url, name=f"kursi-messaging {duty}")
    stack.push_async_callback(close_nats, nats_client)
    return nats_client
