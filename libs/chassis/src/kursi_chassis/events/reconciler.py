"""Publishing again what the stream has lost.

JetStream acknowledges before it has flushed to disk, so a broker that loses power may forget the newest
events. It then hands their sequence numbers to others. The outbox remembers under which number each event
was acknowledged, and that is enough to see which are gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from nats.aio.client import Client
from nats.js import api
from nats.js.errors import NotFoundError
from psycopg.rows import class_row

from kursi_chassis.db.database import Connection
from kursi_chassis.events import metrics
from kursi_chassis.events.envelope import MESSAGE_ID
from kursi_chassis.events.outbox import KEPT
from kursi_chassis.events.streams import Stream
from kursi_chassis.logging import get_logger

log = get_logger()

_USUAL_SPAN = timedelta(hours=1)
_SAMPLE = 32
NEWEST_NUMBERS = 250_000
"""How far below the stream's last number two events may share one: a stream that lost its end gives those numbers out
again, and is compared before and every minute after, in which a relay publishes fewer. All that is kept would take longer
than a statement may, once there are five events a second, and no relay could begin.
"""
AT_ONCE = 10_000
"""Numbers whose rows one statement gives back: all that a broker without its disk lost can be more than one has the time for."""


@dataclass(frozen=True, slots=True)
class _Published:
    id: int
    event_id: UUID
    stream_seq: int


class Reconciler:
    """Compares the outbox with the stream. Lives inside the relay, on the leader's connection."""

    def __init__(self, nats_client: Client, stream: Stream, *, every: timedelta) -> None:
        self._nats = nats_client
        self._jetstream = nats_client.jetstream()
        self._stream = stream
        self._every = every.total_seconds()
        self._due_at = 0.0
        self._reconnects = 0
        self._span = KEPT

    def expect_anything(self) -> None:
        """Nobody knows what happened before: the next run is due now and looks at everything that is kept."""
        self._due_at = 0.0
        self._span = KEPT

    async def run_if_due(self, connection: Connection) -> int:
        """Run when the time has come, or when the broker was away since the last run: then anything may be gone."""
        reconnects = self._nats.stats["reconnects"]
        if reconnects != self._reconnects:
            self.expect_anything()
        if time.monotonic() < self._due_at:
            return 0
        lost = await self.run_once(connection, self._span)
        self._reconnects, self._span = reconnects, _USUAL_SPAN
        self._due_at = time.monotonic() + self._every
        return lost

    async def run_once(self, connection: Connection, span: timedelta = KEPT) -> int:
        """Give what the stream lost back to the relay, events of the last `span` at least; how many.

        Raises:
            nats.errors.Error: the broker does not answer (any more).
        """
        state = (await self._jetstream.stream_info(self._stream.name)).state
        if lost := await _give_back_beyond(connection, state.last_seq):
            self._tell(lost)
        suspects = [
            *await _sharing_a_number(connection, state.last_seq, span),
            *await _sample(connection, state, span),
        ]
        if gone := await self._not_there({row.id: row for row in suspects}.values()):
            await _unpublish(connection, gone)
            self._tell(len(gone))
        return lost + len(gone)

    def _tell(self, events: int) -> None:
        metrics.REPUBLISHED.labels(self._stream.name).inc(events)
        log.warning("stream_lost_events", stream=self._stream.name, events=events)

    async def _not_there(self, rows: Iterable[_Published]) -> set[int]:
        lost: set[int] = set()
        for chunk in _chunks(list(rows)):
            present = await asyncio.gather(*(self._event_at(row.stream_seq) for row in chunk))
            lost |= {row.id for row, there in zip(chunk, present, strict=True) if there != str(row.event_id)}
        return lost

    async def _event_at(self, sequence: int) -> str | None:
        try:
            message = await self._jetstream.get_msg(self._stream.name, sequence)
        except NotFoundError:
            return None
        return (message.headers or {}).get(MESSAGE_ID)


async def _give_back_beyond(connection: Connection, last_seq: int) -> int:
    """Give back rows that were acknowledged under a number the stream has not reached (any more); how many."""
    cursor = await connection.execute(
        "SELECT coalesce(min(stream_seq), 0), coalesce(max(stream_seq), -1) FROM outbox WHERE stream_seq > %s",
        [last_seq],
    )
    [(first, last)] = await cursor.fetchall()
    given_back = 0
    for start in range(first, last + 1, AT_ONCE):
        cursor = await connection.execute(
            "UPDATE outbox SET published_at = NULL, stream_seq = NULL WHERE stream_seq >= %s AND stream_seq < %s",
            [start, start + AT_ONCE],
        )
        given_back += cursor.rowcount
    return given_back


async def _sharing_a_number(connection: Connection, last_seq: int, span: timedelta) -> list[_Published]:
    """Rows of which at most one can be right: the stream gave their number away twice."""
    return await _rows(
        connection,
        """
        SELECT id, event_id, stream_seq FROM (
            SELECT id, event_id, stream_seq, count(*) OVER (PARTITION BY stream_seq) AS holders
            FROM outbox WHERE published_at > now() - %(span)s AND stream_seq > %(above)s
        ) AS published WHERE holders > 1
        """,
        {"span": span, "above": last_seq - NEWEST_NUMBERS},
    )


async def _sample(connection: Connection, state: api.StreamState, span: timedelta) -> list[_Published]:
    """The newest rows that the stream should still have. What is lost is lost from the end."""
    return await _rows(
        connection,
        "SELECT id, event_id, stream_seq FROM outbox WHERE published_at > now() - %(span)s "
        "AND stream_seq BETWEEN %(first)s AND %(last)s ORDER BY stream_seq DESC LIMIT %(sample)s",
        {"span": span, "first": state.first_seq, "last": state.last_seq, "sample": _SAMPLE},
    )


async def _rows(
    connection: Connection, query: LiteralString, parameters: dict[str, object]
) -> list[_Published]:
    async with connection.cursor(row_factory=class_row(_Published)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def _unpublish(connection: Connection, row_ids: set[int]) -> None:
    await connection.execute(
        "UPDATE outbox SET published_at = NULL, stream_seq = NULL WHERE id = ANY (%s)", [sorted(row_ids)]
    )


def _chunks(rows: Sequence[_Published]) -> list[Sequence[_Published]]:
    return [rows[start : start + _SAMPLE] for start in range(0, len(rows), _SAMPLE)]
