"""A service's own token: fetched before it is needed, renewed before it expires."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

_RETRY_AFTER = timedelta(seconds=1)
_LOOK_SECONDS = 60.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and the instant from which it no longer counts."""

    value: str
    expires_at: datetime


class NoServiceToken(Unavailable):
    """This service could not prove who it is, because identity does not answer or does not know it."""

    reason = "SERVICE_TOKEN_UNAVAILABLE"


class ServiceTokens:
    """Hands out the service's token.

    `fetch` asks identity for a new one; callers that wait share one question. As long as the old token counts,
    one caller asks and the others do not wait: identity being slow must not slow down every call of this service.
    """

    def __init__(self, fetch: Callable[[], Awaitable[IssuedToken]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._token: IssuedToken | None = None
        self._renew_at: datetime | None = None

    async def get(self) -> str:
        """A token that still counts for a while. Raises: NoServiceToken when there is none to be had."""
        if self._is_due() and not (self._fetching.locked() and self._counts()):
            async with self._fetching:
                if self._is_due():
                    await self._renew()
        if self._token is None or not self._counts():
            raise NoServiceToken
        return self._token.value

    async def keep_fresh(self) -> None:
        """Fetch the token and renew it in time, until cancelled, so that no call has to wait for that."""
        while True:
            with suppress(NoServiceToken):
                await self.get()
            await asyncio.sleep(_LOOK_SECONDS if self._counts() else _RETRY_AFTER.total_seconds())

    def _is_due(self) -> bool:
        return self._token is None or self._renew_at is None or self._clock.now() >= self._renew_at

    def _counts(self) -> bool:
        return self._token is not None and self._clock.now() < self._token.expires_at

    async def _renew(self) -> None:
        now = self._clock.now()
        try:
            self._token = await self._fetch()
        except Exception as error:  # noqa: BLE001 -- whatever it is, the old token serves until it expires
            log.warning("service_token_not_renewed", error=repr(error))
            self._renew_at = now + _RETRY_AFTER
            return
        self._renew_at = now + (self._token.expires_at - now) * 2 / 3
