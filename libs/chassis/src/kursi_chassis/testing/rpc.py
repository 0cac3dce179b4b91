"""Calls in tests: tokens signed with a key of our own, a server with the whole chain, and refusals taken
apart.

    mint = TokenMint(clock)
    async with serving([(BookingServicer(...), "kursi.booking.v1.BookingService")], mint) as channel:
        stub = BookingServiceStub(channel)
        await stub.GetBooking(request, metadata=bearer(mint.user(user_id, salons={salon_id: Role.STAFF})))
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from google.rpc import error_details_pb2 as details_pb2
from google.rpc.status_pb2 import Status
from jwt.algorithms import ECAlgorithm

from kursi_chassis.caller import Role
from kursi_chassis.clock import Clock
from kursi_chassis.grpc.server import GrpcServer, Ready
from kursi_chassis.grpc.status import DETAILS_KEY
from kursi_chassis.grpc.tokens import SERVICE_PREFIX, TokenVerifier
from kursi_chassis.ids import new_id
from kursi_chassis.settings import ServiceSettings
from kursi_chassis.wording import violation_text

ISSUER = "https://identity.test"
AUDIENCE, INTERNAL_AUDIENCE = "kursi", "kursi-internal"
LIFETIME = timedelta(minutes=15)


class TokenMint:
    """Issues tokens as identity does, with a key that is made for the test."""

    def __init__(self, clock: Clock, kid: str = "test") -> None:
        self.clock = clock
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())

    async def keys(self) -> bytes:
        """The JSON web key set that verifies this mint's tokens."""
        public = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [{**public, "kid": self.kid, "alg": "ES256", "use": "sig"}]}).encode()

    def verifier(self) -> TokenVerifier:
        """A verifier that accepts this mint's tokens."""
        return TokenVerifier(
            self.keys,
            issuer=ISSUER,
            audience=AUDIENCE,
            internal_audience=INTERNAL_AUDIENCE,
            clock=self.clock,
        )

    def user(
        self,
        user_id: UUID | None = None,
        *,
        salons: Mapping[UUID, Role] | None = None,
        is_admin: bool = False,
        **claims: object,
    ) -> str:
        """A user's access token; further claims (`sid`, `locale`, `exp`, …) replace the usual ones."""
        roles = {str(salon): role.name.lower() for salon, role in (salons or {}).items()}
        usual = {
            "aud": AUDIENCE,
            "sub": str(user_id or new_id()),
            "sid": str(new_id()),
            "roles": ["admin"] if is_admin else [],
            "salons": roles,
        }
        return self.sign({**usual, **claims})

    def service(self, name: str, **claims: object) -> str:
        """A service's own token."""
        return self.sign({"aud": INTERNAL_AUDIENCE, "sub": f"{SERVICE_PREFIX}{name}", **claims})

    def sign(self, claims: Mapping[str, object]) -> str:
        """A token with these claims and, unless they say otherwise, this mint's issuer and times."""
        now = int(self.clock.now().timestamp())
        times = {"iss": ISSUER, "iat": now, "exp": now + int(LIFETIME.total_seconds()), "jti": str(new_id())}
        return jwt.encode({**times, **claims}, self.key, algorithm="ES256", headers={"kid": self.kid})


def bearer(token: str, **headers: str) -> tuple[tuple[str, str], ...]:
    """Metadata with a token; further headers by keyword, with `_` for `-`."""
    return (
        ("authorization", f"Bearer {token}"),
        *((name.replace("_", "-"), text) for name, text in headers.items()),
    )


def rpc_settings(**changes: object) -> ServiceSettings:
    """Settings for a server in a test: a free port, no waiting at the stop. Changes are taken as they are."""
    return _usual_settings().model_copy(update=changes)


@cache
def _usual_settings() -> ServiceSettings:
    """Made once, because asking the environment for every field takes longer than starting the server."""
    usual: dict[str, Any] = {  # Any: the fields have as many types; pydantic checks them
        "database_url": "postgresql://unused",
        "client_secret": "a secret of the test",
        "token_issuer": ISSUER,
        "page_token_key": "a key of the test",
        # The kernel picks the port: one that is only looked up may be taken by another server of the test by then.
        "grpc_address": "127.0.0.1:0",
        "drain_seconds": 0,
        # Eighty callers at once take their time on a busy machine.
        "default_deadline_seconds": 60,
        "stop_seconds": 0.5,
    }
    return ServiceSettings(**usual)


@asynccontextmanager
async def serving(
    services: Sequence[tuple[object, str]],
    mint: TokenMint,
    *,
    settings: ServiceSettings | None = None,
    verifier: TokenVerifier | None = None,
    is_ready: Ready | None = None,
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve with the whole chain on a free local port while the block runs; yields a channel to it."""
    server = GrpcServer(settings or rpc_settings(), services, verifier or mint.verifier(), is_ready=is_ready)
    port = await server.start()
    try:
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            yield channel
    finally:
        await server.stop()


class Peer:
    """Another service, as far as a test needs it: a call of a method that the subclass lacks is a failure."""

    def __getattr__(self, name: str) -> Callable[[object, object], Awaitable[object]]:
        if not name[0].isupper():
            raise AttributeError(name)

        async def never_asked(request: object, _context: object) -> object:
            message = f"{name} was called with {request}"
            raise AssertionError(message)

        return never_asked


@dataclass(frozen=True, slots=True)
class Refused:
    """An error as a client sees it."""

    code: grpc.StatusCode
    reason: str = ""
    domain: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    violations: Mapping[str, str] = field(default_factory=dict)
    retry_after: timedelta | None = None


def refused(error: grpc.RpcError) -> Refused:
    """Take an error apart: its code, reason, metadata, localized text, violations (field to reason), retry
    delay. Fails for a violation that has a reason of its own but no words.
    """
    if not isinstance(error, grpc.aio.AioRpcError):
        message = f"not an answer of a server: {error!r}"
        raise TypeError(message)
    raw = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    status = Status.FromString(raw) if isinstance(raw, bytes) else Status()
    info, localized = details_pb2.ErrorInfo(), details_pb2.LocalizedMessage()
    request, delay = details_pb2.BadRequest(), details_pb2.RetryInfo()
    for detail in status.details:
        for known in (info, localized, request, delay):
            detail.Unpack(known)
    _expect_words(request)
    return Refused(
        code=error.code(),
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        text=localized.message,
        violations={violation.field: violation.reason for violation in request.field_violations},
        retry_after=delay.retry_delay.ToTimedelta() if delay.HasField("retry_delay") else None,
    )


def _expect_words(request: details_pb2.BadRequest) -> None:
    for violation in request.field_violations:
        borrowed = violation_text("MALFORMED", {}, violation.localized_message.locale)
        if violation.description == borrowed and violation.reason != "MALFORMED":
            message = f"nobody wrote words for {violation.reason}"
            raise AssertionError(message)
