"""Where the booking service is put together; nothing else builds pools, channels or servers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC

import grpc
from kursi.catalog.v1 import catalog_service_pb2_grpc as catalog_grpc
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
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.grpc.tokens import Revocations, TokenVerifier
from kursi_chassis.jobs import JobRunner, retention_jobs
from kursi_chassis.process import Role
from kursi_chassis.revocation_feed import RevocationFeed, serve_following
from nats.aio.client import Client

from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.api import internal, servicer
from kursi_booking.api.internal import BookingInternalServicer
from kursi_booking.api.rendering import booking_answer
from kursi_booking.api.servicer import BookingServicer, UseCases
from kursi_booking.consumers.catalog_changes import CatalogChanges
from kursi_booking.consumers.payments import FILTERS, HandlePayments
from kursi_booking.jobs.hold_expiry import HoldExpirer
from kursi_booking.ports import BookingStore, HoldExpiry, Offers
from kursi_booking.queries.history import History
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_booking.settings import BookingSettings
from kursi_booking.store.bookings import Bookings
from kursi_booking.store.due_holds import DueHoldsInDatabase
from kursi_booking.usecases.acting import Acting
from kursi_booking.usecases.apply_payment import CONSUMER, ApplyPayment
from kursi_booking.usecases.cancel_booking import CancelBooking, CancelWithoutFee
from kursi_booking.usecases.change_services import ChangeServices
from kursi_booking.usecases.check_in_booking import CheckInBooking
from kursi_booking.usecases.complete_booking import CompleteBooking
from kursi_booking.usecases.confirm_booking import ConfirmBooking
from kursi_booking.usecases.create_booking import CreateBooking
from kursi_booking.usecases.expire_hold import ExpireHold, ExpireHolds
from kursi_booking.usecases.get_payment_terms import GetPaymentTerms
from kursi_booking.usecases.list_slots import FindFreeTimes
from kursi_booking.usecases.mark_no_show import MarkNoShow
from kursi_booking.usecases.moving import Moving
from kursi_booking.usecases.offer import OfferLoader
from kursi_booking.usecases.reading import Reading
from kursi_booking.usecases.reschedule_booking import RescheduleBooking

ROLES = ("serve", "relay", "consume", "jobs")

_CATALOG_READS = ["kursi.catalog.v1.CatalogInternalService/GetBookingContext"]


def migrate_database(settings: BookingSettings) -> None:
    """Bring the schema up to date. Raises: ValueError without the owner's URL."""
    if settings.database_owner_url is None:
        message = "KURSI_BOOKING_DATABASE_OWNER_URL is not set"
        raise ValueError(message)
    migrate(settings.database_owner_url.get_secret_value(), "kursi_booking.migrations")


@dataclass(frozen=True, slots=True)
class Parts:
    """What use cases are put together from."""

    database: Database
    store: BookingStore
    offers: Offers
    expire_hold: HoldExpiry
    clock: Clock


def parts(database: Database, catalog: CatalogClient, clock: Clock, settings: BookingSettings) -> Parts:
    """Everything below the use cases, over one database and one catalog."""
    store = Bookings(database)
    return Parts(
        database=database,
        store=store,
        offers=OfferLoader(catalog, ClaimedTimes(database), clock, settings.catalog_oldest),
        expire_hold=ExpireHold(store, clock, describe_event),
        clock=clock,
    )


def servicers(have: Parts, settings: BookingSettings) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    key = settings.page_token_key.get_secret_value()
    return [
        (BookingServicer(use_cases(have), key), servicer.NAME),
        (BookingInternalServicer(GetPaymentTerms(have.store)), internal.NAME),
    ]


def use_cases(have: Parts) -> UseCases:
    """What people can do."""
    acting = Acting(have.store, have.clock, describe=describe_event, render=booking_answer)
    moving = Moving(acting, have.offers, have.expire_hold)
    return UseCases(
        list_slots=FindFreeTimes(have.offers),
        create=CreateBooking(
            have.store,
            have.offers,
            have.expire_hold,
            have.clock,
            describe=describe_event,
            render=booking_answer,
        ),
        confirm=ConfirmBooking(acting),
        cancel=CancelBooking(acting),
        cancel_without_fee=CancelWithoutFee(acting),
        reschedule=RescheduleBooking(moving),
        change_services=ChangeServices(moving),
        check_in=CheckInBooking(acting),
        complete=CompleteBooking(acting),
        mark_no_show=MarkNoShow(acting),
        reading=Reading(have.store, History(have.database)),
    )


@asynccontextmanager
async def build(settings: BookingSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for, and what they share, open while the block runs."""
    async with AsyncExitStack() as stack:
        database = await Database.open(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            application_name="kursi-booking",
        )
        stack.push_async_callback(database.close)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(stack, settings, database)
        if "relay" in roles:
            built["relay"] = await _relay(stack, settings, database)
        if "consume" in roles:
            built["consume"] = await _consume(stack, settings, database)
        if "jobs" in roles:
            built["jobs"] = jobs(database, SystemClock())
        yield built


async def _serve(stack: AsyncExitStack, settings: BookingSettings, database: Database) -> Role:
    clock, tls = SystemClock(), TlsFiles.from_settings(settings)
    revocations = Revocations(clock)
    client = await connect_nats(settings.nats_url, name="kursi-booking feeds")
    stack.push_async_callback(close_nats, client)
    identity = await stack.enter_async_context(
        connect(_address(settings, "identity"), dependency="identity", tls=tls)
    )
    tokens = ServiceTokens(lambda: _own_token(identity, settings), clock)
    catalog = await stack.enter_async_context(
        connect(
            _address(settings, "catalog"), dependency="catalog", tokens=tokens, retry=_CATALOG_READS, tls=tls
        )
    )
    verifier = TokenVerifier(
        lambda: _signing_keys(identity),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        internal_audience=settings.internal_audience,
        clock=clock,
        revocations=revocations,
    )

    async def is_ready() -> bool:
        await database.ping()
        return True

    kept = CatalogClient(catalog_grpc.CatalogInternalServiceStub(catalog), clock)
    offered = servicers(parts(database, kept, clock, settings), settings)
    server = GrpcServer(settings, offered, verifier, is_ready=is_ready)
    following = serve_following(server.run, RevocationFeed(client, revocations, clock).run)
    return serve_following(following, CatalogChanges(client, kept).run)


async def _relay(stack: AsyncExitStack, settings: BookingSettings, database: Database) -> Role:
    client = await connect_nats(settings.nats_url, name="kursi-booking relay")
    stack.push_async_callback(close_nats, client)
    relay = Relay(database, client, STREAMS["booking"], replicas=settings.event_stream_replicas)
    database.on_commit(relay.nudge)
    return relay.run


async def _consume(stack: AsyncExitStack, settings: BookingSettings, database: Database) -> Role:
    client = await connect_nats(settings.nats_url, name="kursi-booking consumer")
    stack.push_async_callback(close_nats, client)
    return payments_consumer(client, database, SystemClock(), settings).run


def payments_consumer(
    client: Client, database: Database, clock: Clock, settings: BookingSettings
) -> EventConsumer:
    """What payments do to bookings."""
    store = Bookings(database)
    apply = ApplyPayment(store, ExpireHold(store, clock, describe_event), clock, describe_event)
    return EventConsumer(
        client,
        database,
        stream=STREAMS["payment"],
        durable=CONSUMER,
        filter_subjects=FILTERS,
        handle=HandlePayments(apply),
        replicas=settings.event_stream_replicas,
    )


def jobs(database: Database, clock: Clock) -> Role:
    """Expires holds, in every process that plays this role, and throws away what was kept long enough, in one."""
    holds = DueHoldsInDatabase(database)
    expirer = HoldExpirer(holds, ExpireHolds(holds, clock, describe_event), clock)
    runner = JobRunner(database, retention_jobs(database, "outbox", "inbox", "replies"))

    async def run(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(expirer.run(stopping))
            tasks.create_task(runner.run(stopping))

    return run


def _address(settings: BookingSettings, service: str) -> str:
    """Where another service is. Raises: ValueError when nobody said."""
    address: str | None = getattr(settings, f"{service}_address")
    if address is None:
        message = f"KURSI_BOOKING_{service.upper()}_ADDRESS is not set"
        raise ValueError(message)
    return address


async def _own_token(identity: grpc.aio.Channel, settings: BookingSettings) -> IssuedToken:
    request = identity_pb.IssueServiceTokenRequest(
        client_id=settings.service, client_secret=settings.client_secret.get_secret_value()
    )
    token = await identity_grpc.IdentityInternalServiceStub(identity).IssueServiceToken(request)
    return IssuedToken(token.access_token, token.expires_at.ToDatetime(UTC))


async def _signing_keys(identity: grpc.aio.Channel) -> bytes:
    keys = await identity_grpc.IdentityServiceStub(identity).GetJwks(identity_pb.GetJwksRequest())
    return bytes(keys.data)
