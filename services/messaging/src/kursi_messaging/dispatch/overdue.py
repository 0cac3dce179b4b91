"""Reports that never came: their provider knows what became of the messages, and is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain.words import Status
from kursi_messaging.ports import NoAnswer, Report, ReportSource
from kursi_messaging.store import claims

_MOST = 100
"""Per round and process: an outage of an hour is made good within hours, and the provider hardly notices."""

log = get_logger()


class Learned(Protocol):
    """Uses what was learned by asking."""

    async def learn(self, report: Report) -> None:
        """Move the report's message forward."""
        ...


class OverdueReports:
    """Asks about messages that were sent a while ago, when no report has said since how they ended."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rules: DispatchRules,
        *,
        sources: Mapping[str, ReportSource],
        learned: Learned,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._sources = sources
        self._learned = learned

    async def run(self) -> None:
        """Ask, round by round, until cancelled."""
        while self._sources:
            try:
                await self._ask()
            except NoAnswer as error:
                log.warning("reports_not_asked_for", why=str(error))
            except Unavailable:
                log.warning("reports_not_asked_for", why="database")
            await asyncio.sleep(self._rules.overdue_round.total_seconds())

    async def _ask(self) -> None:
        """One round. Raises: NoAnswer, Unavailable; the rest is asked about in later rounds."""
        async with self._database.autocommit() as connection:
            overdue = await claims.overdue(
                connection,
                list(self._sources),
                after=self._rules.report_overdue,
                until=self._rules.report_given_up,
                most=_MOST,
                now=self._clock.now(),
            )
        for row in overdue:
            report = await self._sources[row.provider].report_on(row.id, row.external_id)
            if report is not None and report.status is not Status.SENT:
                await self._learned.learn(report)
