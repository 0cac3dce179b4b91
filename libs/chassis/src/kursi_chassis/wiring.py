"""What the `main` of every service opens in the same way: its database, its connections to the broker, its server.

async with AsyncExitStack() as stack:
wiring = Wiring(settings, stack, SystemClock())
database = await wiring.database()
yield {
"serve": await wiring.serve(servicers, fetch_keys, database),
"relay": await wiring.relay(database),
"consume": await wiring.consume(database, Subscription(STREAMS["booking"], ...)),
}
"""

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from nats.aio.client import Client

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database, Rehearsal
from kursi_chassis.db.migrate import SchemaUnknown, migrate
from kursi_chassis.events.connection import close_all_nats, connect_nats
from kursi_chassis.events.consumer import EventConsumer, Subscription
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.tokens import FetchKeys, Revocations, TokenVerifier
from kursi_chassis.revocation_feed import RevocationFeed
from kursi_chassis.roles import Role, together
from kursi_chassis.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Wiring:
    """One process of a service; what it opens is closed with `stack`, the last first.

    PostgreSQL and NATS know its connections by the service's name and what they are for (`duty`).
    """

    settings: ServiceSettings
    stack: AsyncExitStack
    clock: Clock
    _clients: list[Client] = field(default_factory=list, init=False)

    async def database(self, duty: str = "", *, rehearse: Rehearsal | None = None) -> Database:
        """A pool of the service's database; it does not wait for the server."""
        database = await Database.open(
            self.settings.database_url.get_secret_value(),
            pool_size=self.settings.database_pool_size,
            application_name=f"kursi-{self.settings.service}{'-' if duty else ''}{duty}",
            rehearse=rehearse,
        )
        self.stack.push_async_callback(database.close)
        return database

    async def nats(self, duty: str) -> Client:
        """A connection to the broker. Raises: Unavailable when nobody answers within ten seconds."""
        client = await connect_nats(self.settings.nats_url, name=f"kursi-{self.settings.service} {duty}")
        if not self._clients:
            # All at once: a broker that stands still keeps each of them waiting.
            self.stack.push_async_callback(close_all_nats, self._clients)
        self._clients.append(client)
        return client

    async def relay(self, database: Database) -> Role:
        """The `relay` role: publishes to the service's stream what its outbox holds. Raises: as `nats`."""
        stream = STREAMS[self.settings.service]
        relay = Relay(
            database, await self.nats("relay"), stream, replicas=self.settings.event_stream_replicas
        )
        database.on_commit(relay.nudge)
        return relay.run

    async def consume(self, database: Database, *subscriptions: Subscription) -> Role:
        """The `consume` role: handles what the subscriptions deliver, over one connection. Raises: as `nats`."""
        client, replicas = await self.nats("consumer"), self.settings.event_stream_replicas
        consumers = [
            EventConsumer(client, database, subscription, replicas=replicas) for subscription in subscriptions
        ]
        return together(*(consumer.run for consumer in consumers))

    async def serve(
        self, servicers: Sequence[tuple[object, str]], fetch_keys: FetchKeys, database: Database
    ) -> Role:
        """The `serve` role: verifies tokens with the keys, and is ready as long as the database answers.

        Raises: as `nats`.
        """
        revocations = Revocations(self.clock)
        verifier = verifier_of(self.settings, fetch_keys, self.clock, revocations)
        server = GrpcServer(self.settings, servicers, verifier, is_ready=database.ping)
        return await self.following(server.run, revocations)

    async def following(self, serve: Role, revocations: Revocations) -> Role:
        """A `serve` role that hears of what identity takes back. Raises: as `nats`."""
        feed = RevocationFeed(await self.nats("revocations"), revocations, self.clock)
        return together(serve, feed.run)

    def address(self, service: str) -> str:
        """Where another service is. Raises: ValueError naming the variable that does not say so."""
        address: str | None = getattr(self.settings, f"{service}_address")
        if address is None:
            message = f"KURSI_{self.settings.service.upper()}_{service.upper()}_ADDRESS is not set"
            raise ValueError(message)
        return address


def verifier_of(
    settings: ServiceSettings, fetch_keys: FetchKeys, clock: Clock, revocations: Revocations
) -> TokenVerifier:
    """Verifies the tokens that the settings describe."""
    return TokenVerifier(
        fetch_keys,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        internal_audience=settings.internal_audience,
        clock=clock,
        revocations=revocations,
    )


def migrate_database(settings: ServiceSettings) -> None:
    """The `migrate` command: brings the service's schema up to date, or leaves with 1 and a sentence where it is newer.

    Raises:
        ValueError: without the owner's URL.
    """
    service = settings.service
    if settings.database_owner_url is None:
        message = f"KURSI_{service.upper()}_DATABASE_OWNER_URL is not set"
        raise ValueError(message)
    try:
        migrate(settings.database_owner_url.get_secret_value(), f"kursi_{service}.migrations")
    except SchemaUnknown as error:
        sys.exit(str(error))
