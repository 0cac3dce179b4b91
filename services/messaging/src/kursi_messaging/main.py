"""Builds the messaging service: the only place that opens databases, connections and clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.roles import Role
from kursi_chassis.wiring import Wiring
from kursi_peers import Peers

from kursi_messaging.adapters.contacts import REPEATABLE, IdentityContacts
from kursi_messaging.api.servicer import NAME, MessagingServicer
from kursi_messaging.consumers.handlers import Handlers
from kursi_messaging.dispatch.wiring import delivery_reports, dispatcher
from kursi_messaging.jobs.retention import Retention
from kursi_messaging.queries.notifications import Notifications
from kursi_messaging.settings import MessagingSettings
from kursi_messaging.usecases.choices import Choices
from kursi_messaging.usecases.letters import Letters
from kursi_messaging.usecases.planning import Planner, PlanningRules

ROLES = ("serve", "relay", "consume", "dispatch", "jobs")


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
        wiring = Wiring(settings, stack, SystemClock())
        database, clock = await wiring.database(), wiring.clock
        parts = Parts(settings, database, clock, build_planner(settings, database, clock))
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(wiring, parts)
        if "relay" in roles:
            built["relay"] = await wiring.relay(database)
        if "consume" in roles:
            built["consume"] = await wiring.consume(database, *Handlers(parts.planner).subscriptions())
        if "dispatch" in roles:
            built["dispatch"] = await _dispatch(wiring, parts)
        if "jobs" in roles:
            built["jobs"] = JobRunner(database, jobs(parts)).run
        yield built


def build_planner(settings: MessagingSettings, database: Database, clock: Clock) -> Planner:
    """Planning under the operator's rules."""
    rules = PlanningRules(
        default_zone=settings.default_time_zone,
        replay_cutoff=settings.replay_cutoff,
        max_retries=settings.max_retries,
    )
    return Planner(database, clock, rules)


def servicers(parts: Parts) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    settings = parts.settings
    servicer = MessagingServicer(
        notifications=Notifications(parts.database),
        letters=Letters(parts.database, parts.clock, max_retries=settings.max_retries),
        choices=Choices(parts.database, parts.clock, parts.planner),
        reports=delivery_reports(settings, parts.database, parts.clock),
        clock=parts.clock,
        page_token_key=settings.page_token_key.get_secret_value(),
        default_language=settings.default_language,
    )
    return [(servicer, NAME)]


async def _serve(wiring: Wiring, parts: Parts) -> Role:
    peers = await Peers.open(wiring)
    return await wiring.serve(servicers(parts), peers.signing_keys, parts.database)


async def _dispatch(wiring: Wiring, parts: Parts) -> Role:
    """The dispatcher, with a pool of its own: it is nudged by what the rest of the process commits."""
    database = await wiring.database("dispatch")
    peers = await Peers.open(wiring)
    contacts = IdentityContacts(await peers.channel("identity", REPEATABLE))
    role = await wiring.stack.enter_async_context(dispatcher(parts.settings, database, contacts, parts.clock))
    parts.database.on_commit(role.nudge)
    return role.run


def jobs(parts: Parts) -> list[Job]:
    """Deletes what was kept long enough."""
    retention = Retention(
        parts.database,
        parts.clock,
        kept=timedelta(days=parts.settings.retention_days),
        customers_kept=timedelta(days=parts.settings.customers_kept_days),
    )
    return [retention.job(), *retention_jobs(parts.database, "outbox", "inbox", "replies")]
