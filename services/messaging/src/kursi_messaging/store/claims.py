"""Taking messages that are due, and giving back those whose holder died."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg.rows import class_row

from kursi_messaging.domain.booking import Facts
from kursi_messaging.store.batches import batch


@dataclass(frozen=True, slots=True)
class DueRow:
    """A message that this process alone may send until its lease ends."""

    id: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    audience: str
    event: str
    channel: str
    booking_revision: int | None
    facts: Facts
    due_at: datetime
    attempt_count: int
    max_retries: int
    traceparent: str


@dataclass(frozen=True, slots=True)
class ViewRow:
    """What is known of a booking now."""

    booking_id: UUID
    customer_id: UUID
    state: str
    last_revision: int
    start_at: datetime
    time_zone: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class LostRow:
    """A message whose lease ran out. `dispatched_at` is set when a provider may have been given it."""

    id: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    event: str
    channel: str
    provider: str
    body: str
    attempt_count: int
    max_retries: int
    dispatched_at: datetime | None


@dataclass(frozen=True, slots=True)
class OverdueRow:
    """A message that its provider has, and of whose end nothing was heard."""

    id: UUID
    provider: str
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Which messages these providers are asked about now: first `after` they were sent, each time twice as late as
    before, and not any more `until` after; nobody else is given them meanwhile.
    """

    providers: list[str]
    after: timedelta
    until: timedelta
    most: int
    now: datetime


@dataclass(frozen=True, slots=True)
class DoubtfulRow:
    """A message that was given up although its provider may have been given it, at `dispatched_at` or later."""

    id: UUID
    recipient_id: UUID
    channel: str
    provider: str
    body: str
    dispatched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The exact text of a message that is about to be handed over, as it is recorded."""

    id: UUID
    seen_revision: int | None
    seen_visits: Mapping[str, int]
    provider: str
    masked_recipient: str
    language: str
    template: str
    subject: str
    body: str
    html_body: str


# A claim looks through 2,500 messages of a priority for salons to serve in turn: ten milliseconds, and only when
# so many are due. A salon with a longer backlog delays the others by the time that what exceeds it takes. The
# numbers are written out because the planner cannot see into a parameter.
_DUE: Final[LiteralString] = """
(SELECT id, salon_id, recipient_id, channel, priority, due_at FROM notifications
 WHERE status IN ('pending', 'scheduled', 'deferred') AND priority = {} AND due_at <= %(now)s
 ORDER BY due_at, id LIMIT 2500)
"""

# Rows come priority by priority; inside one, each salon's first, then each salon's second, and so on. Of a
# person's messages on a channel only the first is taken, and none while another is on its way: what was said
# first arrives first. Two dispatchers agree on which is first, because neither sees the other's claim before
# it is committed, and then it counts as on its way. What is in front is cut out before rows are locked, with
# spare ones for those that other dispatchers are locking at this moment; what is asked of them once more stands in
# a CASE, which no index can answer, so that they are found by their ids: a plan that was made while little was due
# would read everything that is due for each of them.
_CLAIM: Final[LiteralString] = (
    "WITH due AS (SELECT * FROM ("  # noqa: S608 - put together from constants
    + _DUE.format("0")
    + "UNION ALL"
    + _DUE.format("1")
    + "UNION ALL"
    + _DUE.format("2")
    + """
    ) AS all_due LIMIT 2500
), placed AS (
    SELECT id, priority, due_at,
           row_number() OVER (PARTITION BY priority, salon_id ORDER BY due_at, id) AS turn,
           row_number() OVER (PARTITION BY recipient_id, channel ORDER BY priority, due_at, id) AS place
    FROM due
    WHERE (recipient_id, channel) NOT IN (
        SELECT recipient_id, channel FROM notifications WHERE status = 'sending')
), front AS MATERIALIZED (
    SELECT id, priority, turn, due_at FROM placed WHERE place = 1
    ORDER BY priority, turn, due_at, id LIMIT 4 * %(most)s
), chosen AS (
    SELECT mine.id FROM front JOIN notifications AS mine USING (id)
    WHERE CASE WHEN mine.status IN ('pending', 'scheduled', 'deferred') THEN mine.due_at <= %(now)s END
    ORDER BY front.priority, front.turn, front.due_at, front.id
    LIMIT %(most)s FOR UPDATE OF mine SKIP LOCKED
)
UPDATE notifications AS taken SET status = 'sending', lease_token = %(token)s,
       lease_until = clock_timestamp() + %(lease)s, updated_at = %(now)s
FROM chosen WHERE taken.id = chosen.id
RETURNING taken.id, salon_id, booking_id, recipient_id, audience, event, channel, booking_revision, facts, due_at,
          attempt_count, max_retries, traceparent
"""
)
_HAND_OVER: Final[LiteralString] = """
WITH handed AS (
    UPDATE notifications AS mine SET
        attempt_count = mine.attempt_count + 1, lease_until = clock_timestamp() + %(lease)s,
        updated_at = %(now)s, provider = ready.provider, masked_recipient = ready.masked_recipient,
        language_code = ready.language, template = ready.template, subject = ready.subject,
        body = ready.body, html_body = ready.html_body
    FROM json_to_recordset(%(rows)s) AS ready (
        id uuid, seen_revision bigint, seen_visits json, provider text, masked_recipient text, language text,
        template text, subject text, body text, html_body text)
    WHERE mine.id = ready.id AND mine.lease_token = %(token)s
      AND NOT EXISTS (
          SELECT FROM booking_view AS latest
          WHERE latest.booking_id = mine.booking_id
            AND latest.last_revision IS DISTINCT FROM ready.seen_revision)
      AND NOT EXISTS (
          SELECT FROM json_each_text(ready.seen_visits) AS seen (booking_id, revision)
          JOIN booking_view AS latest ON latest.booking_id = seen.booking_id::uuid
          WHERE latest.last_revision > seen.revision::bigint)
      AND (mine.event <> 'waitlist_offer' OR EXISTS (
          SELECT FROM waitlist_view AS waiting
          WHERE waiting.entry_id = (mine.facts ->> 'waitlist_entry_id')::uuid
            AND waiting.offer_id = (mine.facts ->> 'offer_id')::uuid))
    RETURNING mine.id, mine.attempt_count, mine.provider, split_part(mine.traceparent, '-', 2) AS trace_id
)
INSERT INTO attempts (notification_id, number, provider, lease_token, dispatched_at, trace_id)
SELECT id, attempt_count, provider, %(token)s, %(now)s, trace_id FROM handed
RETURNING notification_id, number
"""


async def claim(
    connection: Connection, *, token: UUID, lease: timedelta, most: int, now: datetime
) -> list[DueRow]:
    """Take at most `most` messages that are due, in the order in which they should go out.

    What is due is judged by `now`, the clock that due times were written with; leases by the database's
    clock, which all dispatchers share.
    """
    async with connection.cursor(row_factory=class_row(DueRow)) as cursor:
        await cursor.execute(_CLAIM, {"now": now, "token": token, "lease": lease, "most": most})
        return await cursor.fetchall()


async def views(connection: Connection, booking_ids: Collection[UUID]) -> dict[UUID, ViewRow]:
    """What is known of these bookings now."""
    async with connection.cursor(row_factory=class_row(ViewRow)) as cursor:
        await cursor.execute(
            "SELECT booking_id, customer_id, state, last_revision, start_at, time_zone, facts "
            "FROM booking_view WHERE booking_id = ANY (%s)",
            [list(booking_ids)],
        )
        return {row.booking_id: row for row in await cursor.fetchall()}


async def hand_over(
    connection: Connection, rows: Sequence[Handed], *, token: UUID, lease: timedelta, now: datetime
) -> dict[UUID, int]:
    """Record that these messages are given to their providers from here on; each one's attempt number.

    Committed before the call, so that after a crash exactly those count as perhaps sent that were on their
    way. Left out are messages whose lease was lost, and those of which a booking changed or whose offer went
    since they were looked at: they have to be judged again.
    """
    cursor = await connection.execute(
        _HAND_OVER,
        {"rows": batch([_as_json(row) for row in rows]), "token": token, "lease": lease, "now": now},
    )
    return dict(await cursor.fetchall())


async def reap(connection: Connection, *, token: UUID, lease: timedelta, most: int) -> list[LostRow]:
    """Take over messages whose lease ran out: their holder died, or waited in vain for a provider's word.

    The new token shuts the old holder out, should it live after all.
    """
    async with connection.cursor(row_factory=class_row(LostRow)) as cursor:
        await cursor.execute(
            """
            WITH lost AS (
                SELECT id FROM notifications WHERE status = 'sending' AND lease_until < clock_timestamp()
                ORDER BY lease_until LIMIT %(most)s FOR UPDATE SKIP LOCKED
            )
            UPDATE notifications AS mine
            SET lease_token = %(token)s, lease_until = clock_timestamp() + %(lease)s
            WHERE id = ANY (ARRAY (SELECT id FROM lost))
            RETURNING id, salon_id, booking_id, recipient_id, event, channel, provider, body, attempt_count,
                max_retries,
                (SELECT dispatched_at FROM attempts
                 WHERE notification_id = mine.id AND number = mine.attempt_count
                   AND coalesce(outcome, 'ambiguous') = 'ambiguous') AS dispatched_at
            """,
            {"token": token, "lease": lease, "most": most},
        )
        return await cursor.fetchall()


async def overdue(connection: Connection, asking: Asking) -> list[OverdueRow]:
    """Take messages to ask their provider about whose end nobody has told.

    That they have an id is said by its length: as the index of ids says it, PostgreSQL would rather read through all
    that the provider ever took than through those few that wait for a report.
    """
    async with connection.cursor(row_factory=class_row(OverdueRow)) as cursor:
        await cursor.execute(
            """
            UPDATE notifications SET updated_at = %(now)s WHERE id = ANY (ARRAY (
                SELECT id FROM notifications
                WHERE status = 'sent' AND channel <> 'email' AND sent_at > %(now)s - %(until)s
                  AND provider = ANY (%(providers)s) AND length(external_id) > 0
                  AND updated_at <= %(now)s - greatest(%(after)s, updated_at - sent_at)
                ORDER BY sent_at LIMIT %(most)s FOR UPDATE SKIP LOCKED))
            RETURNING id, provider, external_id
            """,
            asdict(asking),
        )
        return await cursor.fetchall()


async def doubtful(connection: Connection, asking: Asking) -> list[DoubtfulRow]:
    """Take messages to look for at their provider that were given up because nobody knew whether it has them.

    While another one is on its way to the same person it may be the one that the provider has.
    """
    async with connection.cursor(row_factory=class_row(DoubtfulRow)) as cursor:
        await cursor.execute(
            """
            WITH doubt AS (
                SELECT mine.id, first.dispatched_at FROM notifications AS mine
                CROSS JOIN LATERAL (
                    SELECT min(dispatched_at) AS dispatched_at FROM attempts
                    WHERE notification_id = mine.id AND outcome = 'ambiguous') AS first
                WHERE status IN ('failed', 'dead') AND error_code = 'outcome_unknown' AND channel <> 'email'
                  AND provider = ANY (%(providers)s) AND first.dispatched_at > %(now)s - %(until)s
                  AND updated_at <= %(now)s - greatest(%(after)s, updated_at - first.dispatched_at)
                  AND NOT EXISTS (
                      SELECT FROM notifications AS other WHERE other.status = 'sending'
                        AND other.recipient_id = mine.recipient_id AND other.channel = mine.channel)
                ORDER BY updated_at LIMIT %(most)s FOR UPDATE OF mine SKIP LOCKED
            )
            UPDATE notifications AS mine SET updated_at = %(now)s FROM doubt WHERE mine.id = doubt.id
            RETURNING mine.id, recipient_id, channel, provider, body, doubt.dispatched_at
            """,
            asdict(asking),
        )
        return await cursor.fetchall()


async def known_ids(connection: Connection, provider: str, recipient_ids: Collection[UUID]) -> set[str]:
    """What the provider calls the messages to these people that are known to have reached it.

    Found by the people; see `overdue` for the length.
    """
    cursor = await connection.execute(
        "SELECT external_id FROM notifications "
        "WHERE recipient_id = ANY (%s) AND provider = %s AND length(external_id) > 0",
        [list(recipient_ids), provider],
    )
    return {external_id for (external_id,) in await cursor.fetchall()}


def _as_json(row: Handed) -> Mapping[str, object]:
    return {name: getattr(row, name) for name in Handed.__slots__}
