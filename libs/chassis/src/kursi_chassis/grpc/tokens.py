"""Access tokens: who issued them, for whom, and whether they still count.

A token is a JWT signed with ES256. Checking a signature costs about 250 us, as much as the rest of a call, so
the outcome is kept until the token expires; revocations are looked up on every call all the same.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt

from kursi_chassis.caller import Role
from kursi_chassis.clock import Clock
from kursi_chassis.errors import Unauthenticated, Unavailable
from kursi_chassis.logging import get_logger
from kursi_chassis.metrics import TOKEN_KEYS_FETCHED

LEEWAY = timedelta(seconds=5)
TOKEN_LIFETIME = timedelta(minutes=15)
SERVICE_PREFIX = "service:"
_REFRESH_SECONDS = 60.0
_FIRST_KEYS_SECONDS = 1.0
_FORGET_EVERY = timedelta(minutes=1)
_REFETCH_AFTER = timedelta(seconds=5)
_LONGEST_TOKEN = 8_192
_KEPT_TOKENS = 20_000
# Members of dozens of salons have longer ones; keeping 20,000 of those would take half a gigabyte.
_LONGEST_KEPT_TOKEN = 2_048
_NEVER = (0.0, Role.CUSTOMER)
_BY_NOBODY = f"eyJhbGciOiJFUzI1NiJ9.e30.{'A' * 86}"
"""A token without claims, signed with zeros."""

log = get_logger()

FetchKeys = Callable[[], Awaitable[bytes]]


class TokenInvalid(Unauthenticated):
    """The token is malformed, expired, for somebody else, or signed by somebody else.

    Which one stays with us.
    """

    reason = "TOKEN_INVALID"
    en = "The access token is not valid or has expired."
    ar = "رمز الدخول غير صالح أو منتهي الصلاحية."


class TokenRevoked(Unauthenticated):
    """The token was taken back: its session ended, or its roles changed. A refresh tells which."""

    reason = "TOKEN_REVOKED"
    en = "The access token was revoked. Refresh it or sign in again."
    ar = "تم إلغاء رمز الدخول. جدّده أو سجّل الدخول من جديد."


class KeysUnavailable(Unavailable):
    """No key to check tokens with could be fetched yet."""

    reason = "TOKEN_KEYS_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a token that counts says."""

    issued_at: float
    expires_at: float
    user_id: UUID | None = None
    service: str | None = None
    session_id: UUID | None = None
    is_admin: bool = False
    salons: Mapping[UUID, Role] | None = None
    locale: str = ""
    auth_time: int = 0


class Revocations:
    """What was taken back while tokens that say otherwise are still alive.

    Whoever follows identity's events feeds it. Entries are dropped once every token they concern has expired.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[tuple[UUID, UUID], tuple[float, Role]] = {}
        self._sessions: dict[UUID, float] = {}
        self._forget_at = clock.now()

    def revoke_session(self, session_id: UUID, at: datetime) -> None:
        """Refuse every token of a session that ended."""
        self._sessions[session_id] = at.timestamp()
        self._forget_expired()

    def revoke_membership(
        self, user_id: UUID, salon_id: UUID, at: datetime, left: Role = Role.CUSTOMER
    ) -> None:
        """Refuse tokens issued up to `at` that give the user more in the salon than the role that is left."""
        key = (user_id, salon_id)
        # Only the latest news: after a reconnection older ones may come again.
        if at.timestamp() >= self._since.get(key, _NEVER)[0]:
            self._since[key] = (at.timestamp(), left)
        self._forget_expired()

    def covers(self, identity: Identity) -> bool:
        """Whether the token was taken back."""
        if identity.session_id is not None and identity.session_id in self._sessions:
            return True
        if identity.user_id is None or not self._since:
            return False
        user, issued = identity.user_id, identity.issued_at
        # `iat` is cut to whole seconds: a token of the same second as the revocation is refused, whichever
        # was first.
        for salon, role in (identity.salons or {}).items():
            at, left = self._since.get((user, salon), _NEVER)
            if issued < at and role > left:
                return True
        return False

    def _forget_expired(self) -> None:
        """Now and then only: it looks at everything, and after a start thousands of revocations come at once."""
        now = self._clock.now()
        if now < self._forget_at:
            return
        self._forget_at = now + _FORGET_EVERY
        oldest = (now - TOKEN_LIFETIME - 2 * LEEWAY).timestamp()
        self._since = {key: news for key, news in self._since.items() if news[0] >= oldest}
        self._sessions = {key: at for key, at in self._sessions.items() if at >= oldest}


class TokenVerifier:
    """Tells who a token speaks for.

    `fetch_keys` returns identity's JSON web key set. Keys are fetched when first needed, and every minute
    while `keep_fresh` runs, and at once (every five seconds at most) for a token signed with a key not seen
    before, so that a rotation needs no restart. People's tokens must be for `audience`, services' for
    `internal_audience`.
    """

    def __init__(
        self,
        fetch_keys: FetchKeys,
        *,
        issuer: str,
        audience: str,
        internal_audience: str,
        clock: Clock,
        revocations: Revocations | None = None,
    ) -> None:
        self.revocations = revocations or Revocations(clock)
        self._fetch_keys = fetch_keys
        self._issuer = issuer
        self._audience = audience
        self._internal_audience = internal_audience
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._fetching = asyncio.Lock()
        self._kept: OrderedDict[str, Identity] = OrderedDict()

    async def verify(self, token: str) -> Identity:
        """Who the token speaks for.

        Raises: TokenInvalid or TokenRevoked (UNAUTHENTICATED), KeysUnavailable (UNAVAILABLE) as long as no
        key could be fetched.
        """
        identity = self._kept.get(token)
        if identity is None:
            identity = self._read(token, await self._key_for(token))
            self._keep(token, identity)
        if self._clock.now().timestamp() >= identity.expires_at + LEEWAY.total_seconds():
            self._kept.pop(token, None)
            raise TokenInvalid
        if self.revocations.covers(identity):
            raise TokenRevoked
        return identity

    async def keep_fresh(self) -> None:
        """Fetch the keys every minute, until cancelled, and every second while there are none yet.

        A failure keeps the keys that are there.
        """
        while True:
            with suppress(KeysUnavailable):
                await self._fetch()
            await asyncio.sleep(_REFRESH_SECONDS if self._keys else _FIRST_KEYS_SECONDS)

    async def _key_for(self, token: str) -> jwt.PyJWK:
        kid = _key_id(token)
        if kid not in self._keys:
            await self._fetch_unless_recent()
        if kid not in self._keys:
            raise TokenInvalid
        return self._keys[kid]

    async def _fetch_unless_recent(self) -> None:
        async with self._fetching:
            now = self._clock.now()
            # A clock that was set back must not make the last time look recent for as long as it was ahead.
            if self._fetched_at is None or not timedelta() <= now - self._fetched_at < _REFETCH_AFTER:
                self._fetched_at = now
                await self._fetch()
            elif not self._keys:
                raise KeysUnavailable

    async def _fetch(self) -> None:
        try:
            keys = parse_keys(await self._fetch_keys())
        except Exception as error:
            TOKEN_KEYS_FETCHED.labels("failed").inc()
            log.warning("token_keys_not_fetched", error=repr(error))
            if not self._keys:
                raise KeysUnavailable from error
            return
        TOKEN_KEYS_FETCHED.labels("fetched").inc()
        if not self._keys:
            _rehearse(keys)
        if keys.keys() != self._keys.keys():
            self._kept.clear()  # a key that was taken away must stop counting, also for tokens seen before
        self._keys = keys

    def _read(self, token: str, key: jwt.PyJWK) -> Identity:
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                issuer=self._issuer,
                options={
                    "require": ["exp", "iat", "iss", "sub", "aud"],
                    # Judged by our own clock and by the kind of subject, in what follows.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                },
            )
            identity = _identity(claims)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise TokenInvalid from error
        wanted = self._internal_audience if identity.service is not None else self._audience
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if wanted not in audiences:
            raise TokenInvalid
        if identity.issued_at > (self._clock.now() + LEEWAY).timestamp():
            raise TokenInvalid
        return identity

    def _keep(self, token: str, identity: Identity) -> None:
        if len(token) > _LONGEST_KEPT_TOKEN:
            return
        self._kept[token] = identity
        if len(self._kept) > _KEPT_TOKENS:
            self._kept.popitem(last=False)


def parse_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    """The usable keys of a JSON web key set, by key id: elliptic curve P-256, nothing else.

    Raises: ValueError for something that is not a key set.
    """
    content = json.loads(document)
    if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
        message = "not a JSON web key set"
        raise ValueError(message)  # noqa: TRY004 -- a wrong document, not a wrong call
    usable = [key for key in content["keys"] if key.get("kty") == "EC" and key.get("crv") == "P-256"]
    return {key["kid"]: jwt.PyJWK(key, algorithm="ES256") for key in usable if key.get("kid")}


def _rehearse(keys: Mapping[str, jwt.PyJWK]) -> None:
    """Check a signature: what the libraries load for their first one is not for the first caller to wait for."""
    for key in keys.values():
        with suppress(jwt.PyJWTError):
            jwt.decode(_BY_NOBODY, key, algorithms=["ES256"])


def _key_id(token: str) -> str:
    if len(token) > _LONGEST_TOKEN:
        raise TokenInvalid
    try:
        # The header alone: the rest is read once, when the signature is checked.
        kid = jwt.get_unverified_header(f"{token.partition('.')[0]}..").get("kid")
    except jwt.PyJWTError as error:
        raise TokenInvalid from error
    if not isinstance(kid, str):
        raise TokenInvalid
    return kid


def _identity(claims: dict[str, Any]) -> Identity:  # Any: a token's claims are whatever its JSON holds
    subject: str = claims["sub"]
    issued_at, expires_at = float(claims["iat"]), float(claims["exp"])
    if subject.startswith(SERVICE_PREFIX):
        return Identity(issued_at, expires_at, service=subject.removeprefix(SERVICE_PREFIX))
    session = claims.get("sid")
    return Identity(
        issued_at,
        expires_at,
        user_id=UUID(subject),
        session_id=UUID(session) if session else None,
        is_admin="admin" in claims.get("roles", []),
        salons={UUID(salon): Role[role.upper()] for salon, role in claims.get("salons", {}).items()},
        locale=str(claims.get("locale", "")),
        auth_time=int(claims.get("auth_time", 0)),
    )
