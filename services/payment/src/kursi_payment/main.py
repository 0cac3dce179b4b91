"""Builds the payment service: the only place that opens databases, connections and clients."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from kursi_chassis.clock import SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.events.consumer import Subscription
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.grpc.paging import PageTokens
from kursi_chassis.http_client import HttpClient, http_client
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.roles import Role, together
from kursi_chassis.wiring import Wiring
from kursi_peers import Peers

from kursi_payment.adapters.bookings import REPEATABLE, GrpcBookings
from kursi_payment.adapters.moyasar import Moyasar
from kursi_payment.adapters.moyasar_webhook import MoyasarWebhook
from kursi_payment.api.servicer import NAME, PaymentServicer
from kursi_payment.assembly import Assembly
from kursi_payment.consumers.bookings import FILTERS, HandleBookings
from kursi_payment.jobs.attending import Attending
from kursi_payment.jobs.webhook import KeepRegistered
from kursi_payment.settings import PaymentSettings
from kursi_payment.store.wakeups import Wakeups
from kursi_payment.usecases.follow_booking import CONSUMER, FollowBooking

ROLES = ("serve", "relay", "consume", "jobs")


@asynccontextmanager
async def build(settings: PaymentSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for; everything they need is open inside the block."""
    async with AsyncExitStack() as stack:
        wiring = Wiring(settings, stack, SystemClock())
        database = await wiring.database()
        http = await stack.enter_async_context(
            http_client(settings.moyasar_base_url, timeout_seconds=settings.provider_timeout_seconds)
        )
        provider = Moyasar(http, settings.moyasar_secret_key.get_secret_value())
        assembly = Assembly(settings, database, provider, wiring.clock)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(wiring, assembly, database)
        if "relay" in roles:
            built["relay"] = await wiring.relay(database)
        if "consume" in roles:
            built["consume"] = await wiring.consume(database, subscription(assembly))
        if "jobs" in roles:
            built["jobs"] = _jobs(assembly, database, http)
        yield built


def servicers(assembly: Assembly, bookings: GrpcBookings) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    settings = assembly.settings
    pages = PageTokens(settings.page_token_key.get_secret_value(), "payments")
    return [(PaymentServicer(assembly.use_cases(bookings), settings.callback_origins, pages), NAME)]


def subscription(assembly: Assembly) -> Subscription:
    """What happens to bookings, as far as it concerns payments."""
    handle = HandleBookings(FollowBooking(assembly.begin, assembly.clock))
    return Subscription(STREAMS["booking"], CONSUMER, FILTERS, handle)


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
    return together(wakeups.run, runner.run)


async def _serve(wiring: Wiring, assembly: Assembly, database: Database) -> Role:
    peers = await Peers.open(wiring)
    bookings = GrpcBookings(await peers.channel("booking", REPEATABLE))
    return await wiring.serve(servicers(assembly, bookings), peers.signing_keys, database)
