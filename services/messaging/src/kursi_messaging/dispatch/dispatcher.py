"""The loop: claim, find out how to reach people, write, record, hand over, finish."""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger
from kursi_chassis.telemetry import span

from kursi_messaging.dispatch import judging, metrics
from kursi_messaging.dispatch.claiming import Batch, Claimer, Due
from kursi_messaging.dispatch.composing import Composer, Ready, Stopped, customer_of
from kursi_messaging.dispatch.finisher import Finisher
from kursi_messaging.dispatch.judging import Held
from kursi_messaging.dispatch.overdue import OverdueReports
from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.dispatch.sweeper import Sweeper
from kursi_messaging.domain.outcome import WORDS, Accepted, Outcome
from kursi_messaging.ports import Contacts
from kursi_messaging.store import claims
from kursi_messaging.store.verdicts import Verdict

_SHORTEST_PAUSE = 0.02
_LEAST_ROOM = 1 / 4
"""A claim costs the same for one message as for many: under load it waits for room for a quarter of a batch."""

log = get_logger()


class Dispatcher:
    """Sends what is due. Any number of processes may run one on the same database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rules: DispatchRules,
        *,
        contacts: Contacts,
        composer: Composer,
        sweeper: Sweeper,
        overdue: OverdueReports,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._contacts = contacts
        self._composer = composer
        self._sweeper = sweeper
        self._overdue = overdue
        self._claimer = Claimer(database, clock, rules)
        self._finisher = Finisher(database, clock, rules.report_wait)
        self._held = 0
        self._look = asyncio.Event()
        self.pause_seconds = _SHORTEST_PAUSE
        """How long it rests between looks now: longer the longer nothing is due."""

    def nudge(self) -> None:
        """Look for due messages now. Must not be called for the dispatcher's own commits: it would never rest."""
        self._look.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """The role. Stops claiming when `stopping` is set, and returns when all that it holds is finished."""
        async with TaskGroup() as group:
            finishing = group.create_task(self._finisher.run())
            sweeping = group.create_task(self._sweeper.run(self._finisher))
            asking = group.create_task(self._overdue.run())
            waking = group.create_task(self._wake_at(stopping))
            async with TaskGroup() as batches:
                await self._claim_until(stopping, batches)
            for task in (finishing, sweeping, asking, waking):
                task.cancel()

    async def _wake_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._look.set()

    async def _claim_until(self, stopping: asyncio.Event, batches: TaskGroup) -> None:
        while not stopping.is_set():
            self._look.clear()
            taken = await self._claim(batches)
            if taken:
                self.pause_seconds = _SHORTEST_PAUSE
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pause_seconds):
                    await self._look.wait()
            self.pause_seconds = min(self.pause_seconds * 2, self._rules.idle.total_seconds())

    async def _claim(self, batches: TaskGroup) -> int:
        """Start a batch that fits into what may be in flight; how many messages it took."""
        free = self._rules.concurrency - self._held
        if free < min(self._rules.batch, self._rules.concurrency) * _LEAST_ROOM:
            return 0
        try:
            batch = await self._claimer.claim(min(free, self._rules.batch))
        except Unavailable:
            log.warning("notifications_not_claimed")
            return 0
        if batch.due:
            self._hold(len(batch.due))
            batches.create_task(self._process(batch))
        return batch.taken

    def _hold(self, change: int) -> None:
        self._held += change
        metrics.IN_FLIGHT.set(self._held)
        if change < 0:
            self._look.set()

    async def _process(self, batch: Batch) -> None:
        due = {one.row.id: one for one in batch.due}
        try:
            contacts = await self._contacts.find(_everybody(batch.due))
        except Unavailable:
            log.warning("contacts_unavailable", count=len(due))
            later = self._clock.now() + self._rules.contacts_wait
            await self._finish(
                [judging.put_back(judging.held(one.row, batch.token), later) for one in batch.due]
            )
            return
        composed = [self._composer.compose(one, contacts) for one in batch.due]
        stopped = [one for one in composed if isinstance(one, Stopped)]
        ready = {one.handed.id: one for one in composed if isinstance(one, Ready)}
        async with TaskGroup() as sending:
            if stopped:
                sending.create_task(self._stop(stopped, batch.token))
            if ready:
                await self._hand_over(ready, batch.token, sending)

    async def _stop(self, stopped: Sequence[Stopped], token: UUID) -> None:
        now = self._clock.now()
        for one in stopped:
            metrics.KEPT_BACK.labels(one.status.value, one.reason).inc()
        await self._finish(
            [judging.stop(judging.held(one.due.row, token), one.status, one.reason, now) for one in stopped]
        )

    async def _hand_over(self, ready: dict[UUID, Ready], token: UUID, sending: TaskGroup) -> None:
        """Record that the messages are given away, and give them away.

        The record is a transaction of its own, committed before the calls: a crash must leave behind which
        messages may have been sent.
        """
        began_at = self._clock.now()
        try:
            numbers = await run_with_retries(lambda: self._record(ready, token))
        except Unavailable:
            # Whether it was committed is unknown; nothing was sent, and nobody but us can tell.
            log.warning("notifications_not_handed_over", count=len(ready))
            await self._finish([_not_handed_over(one.due, token) for one in ready.values()])
            return
        for notification_id, number in numbers.items():
            given = ready[notification_id]
            sending.create_task(
                self._send(given, replace(judging.held(given.due.row, token), attempt=number), began_at)
            )
        moved_on = [one for key, one in ready.items() if key not in numbers]
        if moved_on:
            await self._finish([judging.put_back(judging.held(one.due.row, token)) for one in moved_on])

    async def _record(self, ready: dict[UUID, Ready], token: UUID) -> dict[UUID, int]:
        async with self._database.autocommit() as connection:
            return await claims.hand_over(
                connection,
                [one.handed for one in ready.values()],
                token=token,
                lease=self._rules.lease,
                now=self._clock.now(),
            )

    async def _send(self, ready: Ready, held: Held, began_at: datetime) -> None:
        if self._clock.now() - began_at >= self._rules.lease / 2:
            # Whoever stood still (a frozen process, a moved machine) may have lost the message to somebody who
            # sends it at this moment. A call that begins sooner is over before the lease is.
            await self._finish([judging.not_sent(held, "too_late_to_send")])
            return
        started = time.perf_counter()
        outcome = await _give(ready, held.attempt)
        provider, channel = ready.sender.name, ready.due.row.channel
        metrics.HANDED_OVER_SECONDS.labels(provider).observe(time.perf_counter() - started)
        metrics.ATTEMPTS.labels(channel, provider, WORDS[type(outcome)]).inc()
        await self._finish([judging.judge(held, outcome, self._rules, self._clock.now())])

    async def _finish(self, verdicts: Sequence[Verdict]) -> None:
        for was_held in await self._finisher.finish(*verdicts):
            if not was_held:
                metrics.FENCED.inc()
        self._hold(-len(verdicts))


async def _give(ready: Ready, number: int) -> Outcome:
    """The call itself, in the trace of what called for the message; the log adds that trace's id."""
    provider, row = ready.sender.name, ready.due.row
    with span(f"{provider} {row.channel}", traceparent=row.traceparent):
        outcome = await ready.sender.send(ready.outgoing)
        if isinstance(outcome, Accepted):
            # Not at INFO: the attempt's row says the same, and a line for each costs a third of a message's time.
            log.debug("notification_sent", notification_id=str(row.id), attempt=number)
    return outcome


def _everybody(due: Sequence[Due]) -> set[UUID]:
    customers = {customer for one in due if (customer := customer_of(one)) is not None}
    return {one.row.recipient_id for one in due} | customers


def _not_handed_over(due: Due, token: UUID) -> Verdict:
    next_attempt = due.row.attempt_count + 1
    return judging.not_sent(replace(judging.held(due.row, token), attempt=next_attempt), "not_handed_over")
