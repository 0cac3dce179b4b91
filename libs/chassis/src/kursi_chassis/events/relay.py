"""The relay: publishes what stands in the outbox, in order per aggregate, until the stream has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import nats.errors
import psycopg
from nats.aio.client import Client
from nats.js.api import PubAck
from nats.js.errors import APIError
from psycopg.rows import class_row

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.leadership import leadership
from kursi_chassis.errors import Unavailable
from kursi_chassis.events import metrics
from kursi_chassis.events.envelope import MESSAGE_ID
from kursi_chassis.events.reconciler import Reconciler
from kursi_chassis.events.streams import Stream, ensure_stream
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause

log = get_logger()

BATCH = 500
"""Events read at once. All of them are in flight together, except that an aggregate has one at a time."""

BUSY_POLL_SECONDS = 0.04
IDLE_POLL_SECONDS = 0.25
GATHER_SECONDS = 0.01
"""How long to let more come together while several come at once: reading, publishing and marking cost the same
for one as for twenty, and under load that is processor time that writers lack. A lonely event does not wait."""
_BUSY_SECONDS = 5.0
_BACKOFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Pending:
    """An unpublished row of the outbox."""

    id: int
    event_id: UUID
    subject: str
    aggregate_id: UUID
    headers: dict[str, str]
    payload: bytes
    created_at: datetime


class Relay:
    """Publishes the events of one database to its stream. Run it anywhere, any number of times: one leads.

    The order of one aggregate is kept, because its next event is published only when the one before was
    acknowledged. A publish that timed out may have arrived: it is repeated under the same message id, which
    the stream recognises for two minutes and the consumers' inboxes for good. It reads unpublished rows, not
    rows after the last id, since ids become visible out of order.
    """

    def __init__(
        self,
        database: Database,
        nats_client: Client,
        stream: Stream,
        *,
        replicas: int = 1,
        ack_timeout: timedelta = timedelta(seconds=5),
        reconcile_every: timedelta = timedelta(minutes=1),
    ) -> None:
        self._database = database
        self._nats = nats_client
        self._jetstream = nats_client.jetstream()
        self._stream = stream
        self._replicas = replicas
        self._ack_seconds = ack_timeout.total_seconds()
        self._reconciler = Reconciler(nats_client, stream, every=reconcile_every)
        self._wake = asyncio.Event()
        self._busy_until = 0.0
        self._failures = 0
        self._refusal: BaseException | None = None

    def nudge(self) -> None:
        """Look at the outbox now. Made for `Database.on_commit`, when relay and writers share a process."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until `stopping` is set, whatever happens to the database and the broker meanwhile."""
        while not stopping.is_set():
            try:
                await self._lead(stopping)
            except (psycopg.Error, Unavailable) as error:
                await self._back_off(stopping, error)
            finally:
                metrics.RELAY_LEADER.labels(self._stream.name).set(0)

    async def _lead(self, stopping: asyncio.Event) -> None:
        duty = f"kursi.relay.{self._stream.name}"
        async with leadership(self._database, duty, stopping) as connection:
            if connection is None:
                return
            metrics.RELAY_LEADER.labels(self._stream.name).set(1)
            log.info("relay_leads", stream=self._stream.name)
            self._reconciler.expect_anything()
            stream_is_there = False
            while not stopping.is_set():
                try:
                    if not stream_is_there:
                        await ensure_stream(self._jetstream, self._stream, replicas=self._replicas)
                        stream_is_there = True
                    await self._reconciler.run_if_due(connection)
                    progress = await self._publish_batch(connection)
                except (nats.errors.Error, TimeoutError, OSError) as error:
                    # A broker that came back without its disk has no stream any more, and nobody else may make it.
                    stream_is_there = False
                    await self._back_off(stopping, error)
                else:
                    await self._rest(stopping, progress)

    async def _publish_batch(self, connection: Connection) -> Progress:
        rows = await _unpublished(connection)
        published: list[tuple[int, int]] = []
        failed: set[UUID] = set()
        for wave in _waves(rows):
            ready = [row for row in wave if row.aggregate_id not in failed]
            sequences = await self._publish(ready)
            for row, sequence in zip(ready, sequences, strict=True):
                if sequence is None:
                    failed.add(row.aggregate_id)
                else:
                    published.append((row.id, sequence))
        if published:
            await _mark_published(connection, published)
            self._observe(rows, len(published))
        return Progress(found=len(rows), published=len(published))

    async def _publish(self, rows: Sequence[Pending]) -> list[int | None]:
        """Each event's place in the stream, or None where that is not known."""
        acks = [await self._send(row) for row in rows]
        if waiting := [ack for ack in acks if ack is not None]:
            await asyncio.wait(waiting, timeout=self._ack_seconds)
        return [self._sequence(ack) for ack in acks]

    async def _send(self, row: Pending) -> asyncio.Future[PubAck] | None:
        """The acknowledgement to come; None when the event did not even leave."""
        try:
            return await self._jetstream.publish_async(
                row.subject,
                row.payload,
                stream=self._stream.name,
                headers={**row.headers, MESSAGE_ID: str(row.event_id)},
            )
        except (nats.errors.Error, TimeoutError, OSError) as error:
            self._count_failure(error)
            return None

    def _sequence(self, ack: asyncio.Future[PubAck] | None) -> int | None:
        if ack is None:
            return None
        if not ack.done():
            ack.cancel()  # the client forgets it; it may have arrived all the same
            self._count_failure(TimeoutError())
            return None
        if error := ack.exception():
            self._count_failure(error)
            return None
        return ack.result().seq

    def _count_failure(self, error: BaseException) -> None:
        self._refusal = error
        metrics.PUBLISH_FAILED.labels(self._stream.name, type(error).__name__).inc()

    def _observe(self, rows: Sequence[Pending], published: int) -> None:
        metrics.PUBLISHED.labels(self._stream.name).inc(published)
        oldest = rows[0].created_at
        delay = (datetime.now(oldest.tzinfo) - oldest).total_seconds()
        metrics.OUTBOX_DELAY.labels(self._stream.name).observe(max(0.0, delay))

    async def _rest(self, stopping: asyncio.Event, progress: Progress) -> None:
        if progress.stuck:
            await self._back_off(stopping, self._refusal)
            return
        self._failures = 0
        if progress.published:
            self._busy_until = time.monotonic() + _BUSY_SECONDS
        if progress.found < BATCH:
            busy = time.monotonic() < self._busy_until
            await self._nap(stopping, BUSY_POLL_SECONDS if busy else IDLE_POLL_SECONDS)
            if progress.published > 1:
                await pause(stopping, GATHER_SECONDS)

    async def _nap(self, stopping: asyncio.Event, seconds: float) -> None:
        if stopping.is_set():
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _back_off(self, stopping: asyncio.Event, error: BaseException | None) -> None:
        seconds = _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS) - 1)]
        self._failures += 1
        log.warning(
            "relay_waits",
            stream=self._stream.name,
            seconds=seconds,
            error=type(error).__name__ if error else None,
            why=error.description if isinstance(error, APIError) else None,
        )
        await pause(stopping, seconds)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one look at the outbox came to."""

    found: int
    published: int

    @property
    def stuck(self) -> bool:
        return self.found > 0 and self.published == 0


async def _unpublished(connection: Connection) -> list[Pending]:
    async with connection.cursor(row_factory=class_row(Pending)) as cursor:
        await cursor.execute(
            "SELECT id, event_id, subject, aggregate_id, headers, payload, created_at "
            "FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %s",
            [BATCH],
        )
        return await cursor.fetchall()


async def _mark_published(connection: Connection, published: Sequence[tuple[int, int]]) -> None:
    await connection.execute(
        "UPDATE outbox SET published_at = clock_timestamp(), stream_seq = done.stream_seq "
        "FROM unnest(%s::bigint[], %s::bigint[]) AS done (id, stream_seq) WHERE outbox.id = done.id",
        [[row_id for row_id, _ in published], [sequence for _, sequence in published]],
    )


def _waves(rows: Sequence[Pending]) -> Iterator[list[Pending]]:
    """The first event of every aggregate, then the second of those that have one, and so on."""
    waves: list[list[Pending]] = []
    seen: dict[UUID, int] = {}
    for row in rows:
        nth = seen.get(row.aggregate_id, 0)
        seen[row.aggregate_id] = nth + 1
        if nth == len(waves):
            waves.append([])
        waves[nth].append(row)
    yield from waves
