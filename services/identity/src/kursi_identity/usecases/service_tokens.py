"""A service proves who it is and gets a token of its own."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kursi_chassis.clock import Clock

from kursi_identity.domain.errors import ClientSecretWrong
from kursi_identity.domain.token import SERVICE_TOKEN_LIFETIME, TokenPolicy, service_claims
from kursi_identity.usecases.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class ServiceGrant:
    """A service's token."""

    token: str
    expires_at: datetime


class ServiceTokens:
    """Knows the secrets of the other services."""

    def __init__(
        self, clock: Clock, *, keys: SigningKeys, policy: TokenPolicy, secrets: Mapping[str, str]
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._policy = policy
        self._secrets = {client: _digest(secret) for client, secret in secrets.items()}

    async def __call__(self, client_id: str, client_secret: str) -> ServiceGrant:
        """A token for ten minutes.

        Raises:
            ClientSecretWrong: after the same work whether the client is unknown or its secret is wrong.
        """
        expected = self._secrets.get(client_id, b"")
        if not hmac.compare_digest(_digest(client_secret), expected):
            raise ClientSecretWrong
        ring = await self._keys.ring()
        now = self._clock.now()
        token = ring.sign(service_claims(self._policy, client_id, now))
        return ServiceGrant(token, now + SERVICE_TOKEN_LIFETIME)


def _digest(secret: str) -> bytes:
    """Of one length, so that comparing tells nothing about the length either."""
    return hashlib.sha256(secret.encode()).digest()
