"""The identity service in this process, on a database of its own, with its whole chain."""

import base64
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import grpc
import psycopg
import pytest
import pytest_asyncio
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import identity_service_pb2_grpc as pb2_grpc
from kursi.identity.v1 import membership_service_pb2_grpc as membership_grpc
from kursi_chassis.caller import Role
from kursi_chassis.clock import Clock, FixedClock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.tokens import Revocations
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseUrls
from kursi_chassis.testing.rpc import Refused, bearer, refused
from kursi_chassis.testing.servers import free_port
from kursi_identity.main import Parts, build_server, signing_keys
from kursi_identity.providers import code_sender
from kursi_identity.settings import IdentitySettings
from kursi_identity.usecases.signing_keys import SigningKeys

ISSUER = "https://kursi.test"
SERVICE_SECRETS = {"catalog": "catalog secret", "booking": "booking secret"}
PHONE = "+966512345678"


def identity_settings(urls: DatabaseUrls, outbox: Path, **changes: object) -> IdentitySettings:
    usual = {
        "database_url": urls.app,
        "client_secret": "unused by identity",
        "token_issuer": ISSUER,
        "page_token_key": "a key of the test",
        "grpc_address": f"127.0.0.1:{free_port()}",
        "drain_seconds": 0,
        "default_deadline_seconds": 60,
        "stop_seconds": 0.5,
        "otp_hash_key": "a hash key of the test",
        "key_encryption_key": base64.b64encode(bytes(32)).decode(),
        "service_client_secrets": SERVICE_SECRETS,
        "admin_phone_numbers": ("+966500000001",),
        "console_outbox": outbox,
    }
    return IdentitySettings(**{**usual, **changes})


@dataclass
class Identity:
    """A running service, and what tests do with it all the time."""

    public: pb2_grpc.IdentityServiceStub
    mine: membership_grpc.MembershipServiceStub
    internal: pb2_grpc.IdentityInternalServiceStub
    channel: grpc.aio.Channel
    clock: FixedClock
    database: Database
    urls: DatabaseUrls
    settings: IdentitySettings
    keys: SigningKeys
    revocations: Revocations

    async def request_code(
        self,
        phone: str = PHONE,
        *,
        address: str = "",
        token: str = "",
        language: str = "en",
        **fields: object,
    ) -> pb2.RequestOtpResponse:
        contact = {} if "email" in fields else {"phone_number": phone}
        metadata = [("accept-language", language)]
        metadata += [("x-envoy-external-address", address)] if address else []
        metadata += [("authorization", f"Bearer {token}")] if token else []
        request = pb2.RequestOtpRequest(**{**contact, **fields})
        return await self.public.RequestOtp(request, metadata=metadata)

    def messages(self) -> list[dict[str, str]]:
        """What the console provider showed, oldest first."""
        outbox = self.settings.console_outbox
        return [json.loads(line) for line in outbox.read_text().splitlines()] if outbox.exists() else []

    def last_code(self) -> str:
        return self.messages()[-1]["code"]

    def wrong_code(self) -> str:
        return "000000" if self.last_code() != "000000" else "000001"

    async def verify(self, request_id: str, code: str, *, token: str = "", **fields: object) -> pb2.TokenPair:
        request = pb2.VerifyOtpRequest(request_id=request_id, code=code, **fields)
        return await self.public.VerifyOtp(request, metadata=bearer(token) if token else ())

    async def log_in(self, phone: str = PHONE, **fields: object) -> pb2.TokenPair:
        ticket = await self.request_code(phone)
        return await self.verify(ticket.request_id, self.last_code(), **fields)

    async def log_in_again(self, phone: str = PHONE) -> pb2.TokenPair:
        """After the cooldown."""
        self.clock.advance(timedelta(seconds=61))
        return await self.log_in(phone)

    async def refresh(self, token: str) -> pb2.TokenPair:
        return await self.public.RefreshToken(pb2.RefreshTokenRequest(refresh_token=token))

    async def me(self, access_token: str) -> identity_pb2.User:
        return await self.public.GetMe(pb2.GetMeRequest(), metadata=bearer(access_token))

    async def token(
        self,
        user_id: UUID | None = None,
        *,
        salons: dict[UUID, Role] | None = None,
        is_admin: bool = False,
        **claims: object,
    ) -> str:
        """An access token of this identity that says whatever a test wants."""
        now = int(self.clock.now().timestamp())
        usual = {
            "iss": ISSUER,
            "aud": "kursi",
            "sub": str(user_id or new_id()),
            "sid": str(new_id()),
            "roles": ["admin"] if is_admin else [],
            "salons": {str(salon): role.name.lower() for salon, role in (salons or {}).items()},
            "locale": "en",
            "iat": now,
            "exp": now + 900,
        }
        return (await self.keys.ring()).sign({**usual, **claims})

    async def service_token(self, name: str, **claims: object) -> str:
        return await self.token(**{"aud": "kursi-internal", "sub": f"service:{name}", **claims})

    async def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """What the database holds, seen by the superuser."""
        async with await psycopg.AsyncConnection.connect(self.urls.superuser, autocommit=True) as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def count(self, table: str, condition: str = "true") -> int:
        return (await self.rows(f"SELECT count(*) FROM {table} WHERE {condition}"))[0][0]

    async def audited(self, action: str) -> int:
        return await self.count("audit", f"action = '{action}'")

    async def events(self, name: str) -> list[bytes]:
        """The payloads of the events of one type, oldest first."""
        found = await self.rows(
            "SELECT payload FROM outbox WHERE subject = %s ORDER BY id", [f"kursi.identity.v1.{name}"]
        )
        return [bytes(row[0]) for row in found]

    async def member_of(self, salon_id: UUID, token: str, role: Role = Role.OWNER) -> identity_pb2.Member:
        """Have catalog make the token's user a member, as it does when a salon is opened."""
        user = await self.me(token)
        request = pb2.GrantMembershipRequest(salon_id=str(salon_id), user_id=user.id, role=int(role))
        return await self.internal.GrantMembership(
            request, metadata=bearer(await self.service_token("catalog"))
        )


async def refusal(call: object) -> Refused:
    """The refusal of a call that must not succeed."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


@pytest.fixture
def refusal_of():
    """`refused = await refusal_of(stub.Method(request))`."""
    return refusal


@asynccontextmanager
async def running(urls: DatabaseUrls, clock: Clock, settings: IdentitySettings):
    database = await Database.open(urls.app, pool_size=settings.database_pool_size, application_name="test")
    keys, revocations = signing_keys(settings, database, clock), Revocations(clock)
    async with code_sender(settings, clock) as sender:
        server = build_server(Parts(settings, database, clock, sender, keys, revocations))
        port = await server.start()
        try:
            options = [("grpc.enable_http_proxy", 0)]
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
                yield Identity(
                    public=pb2_grpc.IdentityServiceStub(channel),
                    mine=membership_grpc.MembershipServiceStub(channel),
                    internal=pb2_grpc.IdentityInternalServiceStub(channel),
                    channel=channel,
                    clock=clock,
                    database=database,
                    urls=urls,
                    settings=settings,
                    keys=keys,
                    revocations=revocations,
                )
        finally:
            await server.stop()
            await database.close()


@pytest.fixture(scope="session")
def one_database(databases):
    """One database for all tests of this service: emptying it is ten times faster than making a new one."""
    with databases.borrow("identity") as urls:
        yield urls


@pytest.fixture
def empty_database(one_database):
    """The database, with nothing in it."""
    with psycopg.connect(one_database.superuser, autocommit=True) as connection:
        names = connection.execute(
            "SELECT string_agg(tablename, ', ') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchone()
        connection.execute(f"TRUNCATE {names[0]}")
    return one_database


@pytest.fixture
def start_identity(empty_database, fixed_clock, tmp_path):
    """`async with start_identity(otp_per_address=3) as identity:` for settings of one's own."""

    @asynccontextmanager
    async def start(clock: Clock | None = None, **changes: object):
        settings = identity_settings(empty_database, tmp_path / "codes.jsonl", **changes)
        async with running(empty_database, clock or fixed_clock, settings) as identity:
            yield identity

    return start


@pytest.fixture
def start_replica():
    """`async with start_replica(identity) as other:` for a second process on the same database."""

    @asynccontextmanager
    async def start(identity: Identity):
        settings = identity.settings.model_copy(update={"grpc_address": f"127.0.0.1:{free_port()}"})
        async with running(identity.urls, identity.clock, settings) as replica:
            yield replica

    return start


@pytest_asyncio.fixture
async def identity(start_identity):
    """The service with its usual settings; its clock stands at noon until a test moves it."""
    async with start_identity() as running_identity:
        yield running_identity


@pytest.fixture
def statements(monkeypatch):
    """Every SQL statement that this process sends from now on, as the code wrote it."""
    sent: list[str] = []
    execute = psycopg.AsyncCursor.execute

    async def recording(self, query, *arguments, **options):
        sent.append(str(query))
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", recording)
    return sent
