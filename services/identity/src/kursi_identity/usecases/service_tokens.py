"""A service proves who it is and gets a token of its own."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Database
from kursi_chassis.db.retries import run_with_retries

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import ClientSecretLimit, ClientSecretWrong
from kursi_identity.domain.token import SERVICE_TOKEN_LIFETIME, TokenPolicy, service_claims
from kursi_identity.store import client_secrets
from kursi_identity.usecases.signing_keys import SigningKeys

WINDOW = timedelta(minutes=1)
WRONG_PER_WINDOW = 10
_UNKNOWN = "unknown"
"""All clients that nobody knows are counted as one: making up names gives no further guesses, and no further rows."""


@dataclass(frozen=True, slots=True)
class ServiceGrant:
    """A service's token."""

    token: str
    expires_at: datetime


class ServiceTokens:
    """Knows the secrets of the other services.

    Only wrong secrets count, by client and by the address that they come from, so any number of services may start at
    once. Past the limit the right secret is refused too, or else guessing would go on: for a minute at most, and only at
    the address of whoever guesses. A running service renews its token minutes before it needs to, and does not notice.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        keys: SigningKeys,
        policy: TokenPolicy,
        secrets: Mapping[str, str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._policy = policy
        self._secrets = {client: _digest(secret) for client, secret in secrets.items()}

    async def __call__(self, caller: Caller, client_id: str, client_secret: str) -> ServiceGrant:
        """A token for ten minutes. `caller.address` has to be the peer's own.

        Raises:
            ClientSecretWrong: after the same work whether the client is unknown or its secret is wrong.
            ClientSecretLimit: too many wrong ones from there within this minute.
        """
        expected = self._secrets.get(client_id, b"")
        is_right = hmac.compare_digest(_digest(client_secret), expected)
        client = client_id if client_id in self._secrets else _UNKNOWN
        await run_with_retries(lambda: self._within_limit(caller, client, is_right=is_right))
        if not is_right:
            raise ClientSecretWrong
        ring = await self._keys.ring()
        now = self._clock.now()
        token = ring.sign(service_claims(self._policy, client_id, now))
        return ServiceGrant(token, now + SERVICE_TOKEN_LIFETIME)

    async def _within_limit(self, caller: Caller, client: str, *, is_right: bool) -> None:
        """Count a wrong secret and write it down. Raises: ClientSecretLimit, and then nothing is written."""
        now = self._clock.now()
        window = now.replace(second=0, microsecond=0)
        async with self._database.transaction() as connection:
            admit = client_secrets.has_room if is_right else client_secrets.count_wrong
            if not await admit(connection, client, caller.address, window, WRONG_PER_WINDOW):
                raise ClientSecretLimit(window + WINDOW - now)
            if not is_right:
                entry = Entry(Action.CLIENT_SECRET_WRONG, "service", client)
                await audit.append(connection, caller, entry, at=now)


def _digest(secret: str) -> bytes:
    """Of one length, so that comparing tells nothing about the length either."""
    return hashlib.sha256(secret.encode()).digest()
