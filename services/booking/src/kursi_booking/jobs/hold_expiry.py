"""Holds, of bookings and of offers, end within a second of their time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import psycopg
from kursi_chassis.clock import Clock
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause
from prometheus_client import Counter, Gauge

BATCH = 500
_WORKERS = 2
"""While the database writes one batch the next one is worded."""
_LONGEST_NAP = timedelta(seconds=0.5)
"""How long a new hold can go unnoticed. Every hold lasts longer than that, so none is noticed too late."""
_SHORTEST_NAP = timedelta(seconds=0.1)
"""Holds that end close to each other are taken together: a transaction for each would cost ten times as much."""

EXPIRED = Counter("kursi_booking_holds_expired_total", "Holds that ran out", ["what"])
OVERDUE = Gauge(
    "kursi_booking_hold_overdue_seconds", "Age of the oldest hold that is over and not expired yet", ["what"]
)

log = get_logger()


class Timed(Protocol):
    """Things that end."""

    async def next_due(self) -> datetime | None:
        """When the next one ends; None when there is none."""
        ...


Expire = Callable[[int], Awaitable[int]]
"""Ends up to so many that are over, in one transaction; how many it were."""


class HoldExpirer:
    """Expires what is due, then sleeps until the next hold ends. Keeps nothing in memory: a restart loses nothing,
    and any number of processes share the work.
    """

    def __init__(self, holds: Timed, expire_holds: Expire, clock: Clock, *, what: str = "booking") -> None:
        self._holds = holds
        self._what = what
        self._expire_holds = expire_holds
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Expire until `stopping` is set; the batches at hand are finished first."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_WORKERS):
                tasks.create_task(self._work(stopping))

    async def _work(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                await self._expire_due(stopping)
                await pause(stopping, await self._seconds_to_next())
            except (psycopg.OperationalError, Unavailable) as error:
                log.warning("hold_expiry_waits", error=type(error).__name__)
                await pause(stopping, 1)

    async def _expire_due(self, stopping: asyncio.Event) -> None:
        expired = BATCH
        while expired == BATCH and not stopping.is_set():
            expired = await self._expire_holds(BATCH)
            EXPIRED.labels(self._what).inc(expired)

    async def _seconds_to_next(self) -> float:
        due, now = await self._holds.next_due(), self._clock.now()
        OVERDUE.labels(self._what).set(max((now - due).total_seconds(), 0) if due else 0)
        nap = min(due - now, _LONGEST_NAP) if due else _LONGEST_NAP
        return max(nap, _SHORTEST_NAP).total_seconds()
