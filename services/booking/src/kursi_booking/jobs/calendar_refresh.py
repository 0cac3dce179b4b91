"""Reads calendars elsewhere when they are due."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause
from prometheus_client import Counter

from kursi_booking.domain.external_calendar import Attempt

_WORKERS: Final = 2
"""A slow calendar keeps one of them for its whole time."""
_NAP_SECONDS: Final = 2.0

READ = Counter(
    "kursi_booking_external_calendars_read_total", "Calendars elsewhere that were read", ["outcome"]
)

log = get_logger()


class CalendarRefresher:
    """Any number of processes share the work: each calendar is leased to one of them at a time."""

    def __init__(
        self, read_one: Callable[[], Awaitable[Attempt | None]], *, nap_seconds: float = _NAP_SECONDS
    ) -> None:
        self._read_one = read_one
        self._nap_seconds = nap_seconds

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until `stopping` is set; the calendars at hand are finished first."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_WORKERS):
                tasks.create_task(self._work(stopping))

    async def _work(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                attempt = await self._read_one()
            except (psycopg.OperationalError, Unavailable) as error:
                log.warning("calendar_refresh_waits", error=type(error).__name__)
                await pause(stopping, self._nap_seconds)
                continue
            if attempt is None:
                await pause(stopping, self._nap_seconds)
            else:
                READ.labels(attempt.why or "ok").inc()
