"""Sees to it that the provider knows where to send its notices."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.logging import get_logger

_CHECKED_EVERY = timedelta(hours=1)

log = get_logger()


class KeepRegistered:
    """Registers the webhook at the start of the jobs, and again should somebody delete it there."""

    def __init__(self, ensure: Callable[[str], Awaitable[bool]], public_url: str, clock: Clock) -> None:
        self._ensure = ensure
        self._url = f"{public_url.rstrip('/')}/v1/webhooks/payments/moyasar"
        self._clock = clock
        self._checked_at: datetime | None = None

    async def __call__(self) -> None:
        now = self._clock.now()
        if self._checked_at is not None and now < self._checked_at + _CHECKED_EVERY:
            return
        if await self._ensure(self._url):
            log.info("webhook_registered", url=self._url)
        self._checked_at = now
