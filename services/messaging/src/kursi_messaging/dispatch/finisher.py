"""Carrying out verdicts, many in one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

from kursi_messaging.domain.words import Status
from kursi_messaging.store import verdicts
from kursi_messaging.store.verdicts import Verdict

_MOST = 500
_PAUSE_SECONDS = 0.2

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Waiting:
    verdict: Verdict
    done: asyncio.Future[bool]


class Finisher:
    """Gathers what comes in while the database is busy with the verdicts before.

    So a lonely message is finished at once, and a flood in large statements. Bounded by the messages that
    the dispatcher lets be in flight, because each of them waits here.
    """

    def __init__(self, database: Database, clock: Clock, report_wait: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._report_wait = report_wait
        self._waiting: list[_Waiting] = []
        self._wake = asyncio.Event()

    async def finish(self, *given: Verdict) -> list[bool]:
        """Wait until the verdicts are committed; for each, whether its message was still held."""
        done = [asyncio.get_running_loop().create_future() for _ in given]
        self._waiting += [_Waiting(*pair) for pair in zip(given, done, strict=True)]
        self._wake.set()
        return list(await asyncio.gather(*done))

    async def run(self) -> None:
        """Commit verdicts until cancelled. A database that is away is waited for: what is known is not lost."""
        while True:
            await self._wake.wait()
            taken, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            if not taken:
                self._wake.clear()
                continue
            await self._commit(taken)

    async def _commit(self, taken: Sequence[_Waiting]) -> None:
        while True:
            try:
                held = await run_with_retries(lambda: self._settle([one.verdict for one in taken]))
            except Unavailable:
                log.warning("notifications_not_finished", count=len(taken))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            break
        for one in taken:
            if not one.done.done():
                one.done.set_result(one.verdict.id in held)
            if one.verdict.status in {Status.FAILED, Status.DEAD}:
                log.warning(
                    "notification_failed",
                    notification_id=str(one.verdict.id),
                    status=one.verdict.status.value,
                    error_kind=one.verdict.error_code,
                )

    async def _settle(self, given: Sequence[Verdict]) -> set[object]:
        async with self._database.autocommit() as connection:
            return set(
                await verdicts.settle(connection, given, wait=self._report_wait, now=self._clock.now())
            )
