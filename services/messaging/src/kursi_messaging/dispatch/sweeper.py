"""What nobody holds any more: messages whose lease ran out, and reports that came too early."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.ids import new_id
from kursi_chassis.logging import get_logger

from kursi_messaging.dispatch import judging, metrics
from kursi_messaging.dispatch.composing import Senders
from kursi_messaging.dispatch.finisher import Finisher
from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain.outcome import Accepted
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Contact, Contacts, NoAnswer, Question, Sender
from kursi_messaging.store import claims
from kursi_messaging.store.claims import LostRow
from kursi_messaging.store.verdicts import Verdict
from kursi_messaging.usecases.apply_delivery_report import DeliveryReports

_MOST = 100

log = get_logger()


class Sweeper:
    """Looks every second after what was left behind."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rules: DispatchRules,
        *,
        contacts: Contacts,
        senders: Senders,
        reports: DeliveryReports,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._contacts = contacts
        self._senders = senders
        self._reports = reports

    async def run(self, finisher: Finisher) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self._reports.settle_parked()
                await self.sweep(finisher)
            except Unavailable:
                log.warning("notifications_not_swept")
            await asyncio.sleep(self._rules.sweep.total_seconds())

    async def sweep(self, finisher: Finisher) -> None:
        """Find out about messages whose lease ran out, and decide what becomes of them.

        Raises:
            Unavailable: database or identity does not answer; the next sweep after the lease tries again.
        """
        token = new_id()
        async with self._database.autocommit() as connection:
            lost = await claims.reap(connection, token=token, lease=self._rules.lease, most=_MOST)
        untouched = [row for row in lost if row.dispatched_at is None]
        if untouched:
            metrics.LEASES_LOST.labels("not_handed_over").inc(len(untouched))
            await finisher.finish(*(judging.put_back(judging.held(row, token)) for row in untouched))
        doubtful = [row for row in lost if row.dispatched_at is not None]
        if doubtful:
            await self._clear_up(doubtful, token, finisher)

    async def _clear_up(self, rows: Sequence[LostRow], token: UUID, finisher: Finisher) -> None:
        contacts = await self._contacts.find({row.recipient_id for row in rows})
        for provider in {row.provider for row in rows}:
            theirs = [row for row in rows if row.provider == provider]
            async with self._database.snapshot() as connection:
                known = await claims.known_ids(connection, provider, {row.recipient_id for row in theirs})
            for row in theirs:
                await finisher.finish(await self._find_out(row, token, contacts, known))

    async def _find_out(
        self, row: LostRow, token: UUID, contacts: Mapping[UUID, Contact], known: set[str]
    ) -> Verdict:
        """Ask the provider about one message; what it has is added to `known`, so no twin claims it too."""
        held, now = judging.held(row, token), self._clock.now()
        try:
            found = await self._ask(row, contacts.get(row.recipient_id), known)
        except NoAnswer:
            if row.dispatched_at is not None and now - row.dispatched_at < self._rules.patience:
                metrics.LEASES_LOST.labels("no_answer").inc()
                return judging.keep_waiting(held)
            found = None
        if found is not None:
            known.add(found.external_id)
            metrics.LEASES_LOST.labels("sent").inc()
            return judging.judge(held, found, self._rules, now)
        metrics.LEASES_LOST.labels("unknown").inc()
        verdict = judging.give_up_waiting(held, now)
        if verdict.possible_duplicate:
            metrics.POSSIBLE_DUPLICATES.labels(row.channel, row.provider).inc()
        return verdict

    async def _ask(self, row: LostRow, contact: Contact | None, known: set[str]) -> Accepted | None:
        sender = self._sender(row)
        if sender is None or contact is None or row.dispatched_at is None:
            return None
        channel = Channel(row.channel)
        to = contact.email if channel is Channel.EMAIL else contact.phone_number
        return await sender.find(Question(channel, to, row.body, row.dispatched_at), known)

    def _sender(self, row: LostRow) -> Sender | None:
        """The provider that was given the message; None when another one has taken its place."""
        sender = self._senders[Channel(row.channel)]
        return sender if sender is not None and sender.name == row.provider else None
