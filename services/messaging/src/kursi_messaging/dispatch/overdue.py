"""Reports that never came: their provider knows what became of the messages, and is asked.

So is one that could not say whether it has a message, after the message was given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain.words import Channel, Status
from kursi_messaging.ports import Contact, Contacts, NoAnswer, Question, Report, ReportSource
from kursi_messaging.store import claims
from kursi_messaging.store.claims import Asking, DoubtfulRow

_MOST = 100
"""Per round and process: an outage of an hour is made good within hours, and the provider hardly notices."""

log = get_logger()


class Learned(Protocol):
    """Uses what was learned by asking."""

    async def learn(self, report: Report) -> None:
        """Move the report's message forward."""
        ...


class OverdueReports:
    """Asks about messages that were sent a while ago, when no report has said since how they ended, and about
    those that were given up without knowing whether they were sent.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rules: DispatchRules,
        *,
        contacts: Contacts,
        sources: Mapping[str, ReportSource],
        learned: Learned,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._contacts = contacts
        self._sources = sources
        self._learned = learned

    async def run(self) -> None:
        """Ask, round by round, until cancelled."""
        while self._sources:
            try:
                await self._ask_about_sent()
                await self._ask_about_doubtful()
            except NoAnswer as error:
                log.warning("reports_not_asked_for", why=str(error))
            except Unavailable as error:
                log.warning("reports_not_asked_for", why=error.reason)
            await asyncio.sleep(self._rules.overdue_round.total_seconds())

    async def _ask_about_sent(self) -> None:
        """One round. Raises: NoAnswer, Unavailable; the rest is asked about in later rounds."""
        async with self._database.autocommit() as connection:
            overdue = await claims.overdue(connection, self._asking())
        for row in overdue:
            report = await self._sources[row.provider].report_on(row.id, row.external_id)
            if report is not None and report.status is not Status.SENT:
                await self._learned.learn(report)

    async def _ask_about_doubtful(self) -> None:
        """One round. Raises: NoAnswer, Unavailable; the rest is asked about in later rounds."""
        async with self._database.autocommit() as connection:
            doubtful = await claims.doubtful(connection, self._asking())
        contacts = await self._contacts.find({row.recipient_id for row in doubtful}) if doubtful else {}
        for row in doubtful:
            if (contact := contacts.get(row.recipient_id)) is not None:
                await self._look_for(row, contact)

    def _asking(self) -> Asking:
        return Asking(
            providers=list(self._sources),
            after=self._rules.report_overdue,
            until=self._rules.report_given_up,
            most=_MOST,
            now=self._clock.now(),
        )

    async def _look_for(self, row: DoubtfulRow, contact: Contact) -> None:
        """Have the provider's word count if it has the message.

        What it calls our other messages is read anew for each, so that no two of them claim one of its own.
        """
        async with self._database.reading() as connection:
            known = await claims.known_ids(connection, row.provider, {row.recipient_id})
        question = Question(Channel(row.channel), contact.phone_number, row.body, row.dispatched_at)
        source = self._sources[row.provider]
        found = await source.find(question, known)
        report = await source.report_on(row.id, found.external_id) if found is not None else None
        if report is not None:
            await self._learned.learn(report)
