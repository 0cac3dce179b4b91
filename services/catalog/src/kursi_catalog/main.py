"""Where the catalog is put together; nothing else builds pools, channels or servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC

import grpc
from kursi.identity.v1 import identity_service_pb2 as identity_pb
from kursi.identity.v1 import identity_service_pb2_grpc as identity_grpc
from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.db.migrate import migrate
from kursi_chassis.events.connection import close_nats, connect_nats
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

from kursi_catalog.adapters.identity import REPEATABLE, GrpcIdentity
from kursi_catalog.api.servicer import CATALOG, CATALOG_INTERNAL, CatalogInternalServicer, CatalogServicer
from kursi_catalog.domain.policy import Policy, Prepayment
from kursi_catalog.ports import Identity
from kursi_catalog.settings import CatalogSettings
from kursi_catalog.usecases.collection import Collection
from kursi_catalog.usecases.finding import Finding
from kursi_catalog.usecases.kinds import RESOURCE, SERVICE
from kursi_catalog.usecases.policies import Policies
from kursi_catalog.usecases.salons import Salons
from kursi_catalog.usecases.schedules import Schedules
from kursi_catalog.usecases.staff import Staff

ROLES = ("serve", "relay", "jobs")


def migrate_database(settings: CatalogSettings) -> None:
    """Bring the schema up to date. Raises: ValueError without the owner's URL."""
    if settings.database_owner_url is None:
        message = "KURSI_CATALOG_DATABASE_OWNER_URL is not set"
        raise ValueError(message)
    migrate(settings.database_owner_url.get_secret_value(), "kursi_catalog.migrations")


def servicers(
    database: Database, clock: Clock, identity: Identity, settings: CatalogSettings
) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    platform = platform_policy(settings)
    finding = Finding(database, platform)
    catalog = CatalogServicer(
        salons=Salons(database, clock, identity),
        finding=finding,
        services=Collection(database, clock, SERVICE),
        staff=Staff(database, clock, identity),
        resources=Collection(database, clock, RESOURCE),
        schedules=Schedules(database, clock),
        policies=Policies(database, clock, platform),
        page_token_key=settings.page_token_key.get_secret_value(),
    )
    return [(catalog, CATALOG), (CatalogInternalServicer(finding), CATALOG_INTERNAL)]


def platform_policy(settings: CatalogSettings) -> Policy:
    """The platform's level of the policy, every value set."""
    return Policy(
        slot_step=settings.policy_slot_step,
        minimum_notice=settings.policy_minimum_notice,
        maximum_ahead=settings.policy_maximum_ahead,
        cancellation_window=settings.policy_cancellation_window,
        reschedule_window=settings.policy_reschedule_window,
        hold=settings.policy_hold,
        automatic_confirmation=settings.policy_automatic_confirmation,
        prepayment=Prepayment(settings.policy_prepayment),
        deposit_basis_points=settings.policy_deposit_basis_points,
        late_cancellation_fee_basis_points=settings.policy_late_cancellation_fee_basis_points,
        no_show_fee_basis_points=settings.policy_no_show_fee_basis_points,
        maximum_active_bookings=settings.policy_maximum_active_bookings,
        texts={},
    )


@asynccontextmanager
async def build(settings: CatalogSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for, and what they share, open while the block runs."""
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            application_name="kursi-catalog",
        )
        stack.push_async_callback(database.close)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(stack, settings, database)
        if "relay" in roles:
            built["relay"] = await _relay(stack, settings, database)
        if "jobs" in roles:
            built["jobs"] = JobRunner(database, retention_jobs(database, "outbox", "replies")).run
        yield built


async def _serve(stack: AsyncExitStack, settings: CatalogSettings, database: Database) -> Role:
    if settings.identity_address is None:
        message = "KURSI_CATALOG_IDENTITY_ADDRESS is not set"
        raise ValueError(message)
    clock, tls = SystemClock(), TlsFiles.from_settings(settings)
    revocations = Revocations(clock)
    client = await connect_nats(settings.nats_url, name="kursi-catalog revocations")
    stack.push_async_callback(close_nats, client)
    feed = RevocationFeed(client, revocations, clock)
    anonymous = await stack.enter_async_context(
        connect(settings.identity_address, dependency="identity", tls=tls)
    )
    tokens = ServiceTokens(lambda: _own_token(anonymous, settings), clock)
    channel = await stack.enter_async_context(
        connect(settings.identity_address, dependency="identity", tokens=tokens, retry=REPEATABLE, tls=tls)
    )
    verifier = TokenVerifier(
        lambda: _signing_keys(anonymous),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        internal_audience=settings.internal_audience,
        clock=clock,
        revocations=revocations,
    )

    async def is_ready() -> bool:
        await database.ping()
        return True

    offered = servicers(database, clock, GrpcIdentity(channel), settings)
    server = GrpcServer(settings, offered, verifier, is_ready=is_ready)
    return serve_following(server.run, feed.run)


async def _relay(stack: AsyncExitStack, settings: CatalogSettings, database: Database) -> Role:
    client = await connect_nats(settings.nats_url, name="kursi-catalog relay")
    stack.push_async_callback(close_nats, client)
    relay = Relay(database, client, STREAMS["catalog"], replicas=settings.event_stream_replicas)
    database.on_commit(relay.nudge)
    return relay.run


async def _own_token(channel: grpc.aio.Channel, settings: CatalogSettings) -> IssuedToken:
    request = identity_pb.IssueServiceTokenRequest(
        client_id=settings.service, client_secret=settings.client_secret.get_secret_value()
    )
    token = await identity_grpc.IdentityInternalServiceStub(channel).IssueServiceToken(request)
    return IssuedToken(token.access_token, token.expires_at.ToDatetime(UTC))


async def _signing_keys(channel: grpc.aio.Channel) -> bytes:
    keys = await identity_grpc.IdentityServiceStub(channel).GetJwks(identity_pb.GetJwksRequest())
    return bytes(keys.data)
