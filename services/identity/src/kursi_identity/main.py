"""Builds the identity service: the only place that opens databases, connections and clients."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.tokens import Revocations
from kursi_chassis.jobs import JobRunner
from kursi_chassis.roles import Role
from kursi_chassis.wiring import Wiring, verifier_of

from kursi_identity.api import internal, my_memberships, servicer
from kursi_identity.api.my_memberships import MembershipServicer
from kursi_identity.api.paging import RosterPages
from kursi_identity.domain.keys import KeyPolicy, KeyVault, SuccessorUnknown
from kursi_identity.domain.otp import CodeHasher, OtpPolicy
from kursi_identity.domain.session import SessionPolicy
from kursi_identity.domain.token import TokenPolicy
from kursi_identity.jobs.housekeeping import housekeeping
from kursi_identity.ports import CodeSender
from kursi_identity.providers import code_sender
from kursi_identity.queries.contacts import Contacts
from kursi_identity.queries.roster import Roster
from kursi_identity.settings import IdentitySettings
from kursi_identity.usecases.guests import Guests
from kursi_identity.usecases.issuing import Issuer
from kursi_identity.usecases.members import Members
from kursi_identity.usecases.my_memberships import MyMemberships
from kursi_identity.usecases.profile import Profiles
from kursi_identity.usecases.request_otp import RequestOtp
from kursi_identity.usecases.service_tokens import ServiceTokens
from kursi_identity.usecases.sessions import Sessions
from kursi_identity.usecases.signing_keys import SigningKeys
from kursi_identity.usecases.verify_otp import VerifyOtp

ROLES = ("serve", "relay", "jobs")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a server is put together from."""

    settings: IdentitySettings
    database: Database
    clock: Clock
    sender: CodeSender
    keys: SigningKeys
    revocations: Revocations


@asynccontextmanager
async def build(settings: IdentitySettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for; everything they need is open inside the block."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        wiring = Wiring(settings, stack, clock)
        database = await wiring.database()
        built: dict[str, Role] = {}
        keys = signing_keys(settings, database, clock)
        if "serve" in roles:
            revocations = Revocations(clock)
            sender = await stack.enter_async_context(code_sender(settings, clock))
            server = build_server(Parts(settings, database, clock, sender, keys, revocations))
            built["serve"] = await wiring.following(server.run, revocations)
        if "relay" in roles:
            built["relay"] = await wiring.relay(database)
        if "jobs" in roles:
            built["jobs"] = JobRunner(database, housekeeping(database, clock, keys)).run
        yield built


def signing_keys(settings: IdentitySettings, database: Database, clock: Clock) -> SigningKeys:
    """The platform's signing keys."""
    policy = KeyPolicy(rotate_after=timedelta(days=settings.key_rotation_days))
    return SigningKeys(database, KeyVault(settings.encryption_key), clock, policy)


def rotate_keys(settings: IdentitySettings) -> None:
    """Sign with the next key from now on: the operator's command, for a key that may have leaked, or to rehearse it.

    The running servers follow within half a minute. What the old key signed counts until it expires. Exits with a
    sentence when it was used a moment ago.
    """

    async def rotate() -> None:
        async with AsyncExitStack() as stack:
            clock = SystemClock()
            database = await Wiring(settings, stack, clock).database()
            keys = signing_keys(settings, database, clock)
            await keys.ring()
            await keys.rotate_now()

    try:
        asyncio.run(rotate())
    except SuccessorUnknown as error:
        sys.exit(str(error))


def build_server(parts: Parts) -> GrpcServer:
    """Identity's server: unlike the others it verifies tokens with its own keys."""
    settings, keys = parts.settings, parts.keys

    async def is_ready() -> bool:
        await parts.database.ping()
        await keys.ring()
        return True

    verifier = verifier_of(settings, keys.jwks, parts.clock, parts.revocations)
    return GrpcServer(settings, servicers(parts), verifier, is_ready=is_ready)


def servicers(parts: Parts) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    members = Members(parts.database, parts.clock, parts.revocations)
    return [
        (_public_servicer(parts, members), servicer.NAME),
        (
            MembershipServicer(MyMemberships(parts.database, parts.clock, parts.revocations)),
            my_memberships.NAME,
        ),
        (_internal_servicer(parts, members), internal.NAME),
    ]


def _public_servicer(parts: Parts, members: Members) -> servicer.IdentityServicer:
    settings, database, clock = parts.settings, parts.database, parts.clock
    policy, hasher = _otp_policy(settings), CodeHasher(settings.otp_hash_key.get_secret_value())
    admins = frozenset(settings.admin_phone_numbers)
    issuer = Issuer(_token_policy(settings), admins)
    sessions = Sessions(
        database,
        clock,
        policy=SessionPolicy(),
        keys=parts.keys,
        issuer=issuer,
        revocations=parts.revocations,
    )
    return servicer.IdentityServicer(
        request_otp=RequestOtp(database, parts.sender, clock, policy=policy, hasher=hasher, admins=admins),
        verify_otp=VerifyOtp(
            database, clock, policy=policy, hasher=hasher, keys=parts.keys, issuer=issuer, sessions=sessions
        ),
        sessions=sessions,
        profiles=Profiles(database, clock),
        members=members,
        roster=RosterPages(Roster(database), settings.page_token_key.get_secret_value()),
        keys=parts.keys,
        issuer=settings.token_issuer,
        default_region=settings.default_region,
    )


def _internal_servicer(parts: Parts, members: Members) -> internal.IdentityInternalServicer:
    secrets = {
        client: secret.get_secret_value() for client, secret in parts.settings.service_client_secrets.items()
    }
    return internal.IdentityInternalServicer(
        service_tokens=ServiceTokens(
            parts.database,
            parts.clock,
            keys=parts.keys,
            policy=_token_policy(parts.settings),
            secrets=secrets,
        ),
        contacts=Contacts(parts.database),
        roster=Roster(parts.database),
        members=members,
        guests=Guests(parts.database, parts.clock, parts.settings.guests_per_day),
        default_region=parts.settings.default_region,
    )


def _otp_policy(settings: IdentitySettings) -> OtpPolicy:
    return OtpPolicy(
        lifetime=timedelta(seconds=settings.otp_lifetime_seconds),
        cooldown=timedelta(seconds=settings.otp_cooldown_seconds),
        per_destination=settings.otp_per_destination,
        per_address=settings.otp_per_address,
        ceiling=settings.otp_daily_ceiling,
        ceilings=settings.otp_daily_ceilings,
    )


def _token_policy(settings: IdentitySettings) -> TokenPolicy:
    return TokenPolicy(settings.token_issuer, settings.token_audience, settings.internal_audience)
