"""What planning reads and writes: a fixed number of statements, however many events a batch has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kursi_messaging.domain.booking import NEWS, BookingSnapshot, Facts
from kursi_messaging.domain.planning import Planned
from kursi_messaging.domain.words import PRIORITY, BookingState, SkipReason
from kursi_messaging.store.batches import batch

_VIEW: Final[LiteralString] = (
    "booking_id, salon_id, customer_id, staff_user_ids, state, last_revision, start_at, end_at, time_zone, facts"
)


@dataclass(frozen=True, slots=True)
class _Row:
    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    staff_user_ids: list[UUID]
    state: str
    last_revision: int
    start_at: datetime
    end_at: datetime
    time_zone: str
    facts: Mapping[str, object]


async def lock(
    connection: Connection,
    *,
    salons: Collection[UUID],
    people: Collection[UUID],
    bookings: Collection[UUID],
) -> None:
    """Plan alone with these bookings, and under choices of salons and people that nobody is changing.

    Closes two races: two batches with events of one booking that neither has heard of, and an event planned
    under the choices before a change (`lock_choices`), unseen by the planning after it. Everybody takes salons
    before people before bookings, each in order.
    """
    keys = [*sorted(salons), *sorted(people)]
    await connection.execute(
        """
        SELECT CASE WHEN place <= %s THEN pg_advisory_xact_lock_shared(hashtextextended(key, 0))
                    ELSE pg_advisory_xact_lock(hashtextextended(key, 0)) END
        FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (key, place)
        """,
        [len(keys), [str(key) for key in (*keys, *sorted(bookings))]],
    )


async def lock_choices(connection: Connection, owner: UUID) -> None:
    """Change the choices of a salon or a person while nobody plans with them."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(owner)])


async def read_bookings(connection: Connection, booking_ids: Collection[UUID]) -> dict[UUID, BookingSnapshot]:
    """What is known of these bookings."""
    return await _read(connection, "booking_id = ANY (%s)", [list(booking_ids)])


async def read_newest_news(connection: Connection, booking_ids: Collection[UUID]) -> dict[UUID, int]:
    """The latest revision of each of these bookings that called for messages, sent or not."""
    cursor = await connection.execute(
        """
        SELECT booking_id, max(booking_revision) FROM notifications
        WHERE booking_id = ANY (%s) AND event = ANY (%s) AND booking_revision IS NOT NULL GROUP BY booking_id
        """,
        [list(booking_ids), [event.value for event in NEWS.values()]],
    )
    return dict(await cursor.fetchall())


async def read_coming_of_salon(
    connection: Connection, salon_id: UUID, now: datetime
) -> dict[UUID, BookingSnapshot]:
    """The confirmed visits to a salon that are still to come."""
    return await _read(connection, "salon_id = %s AND start_at > %s AND state = 'confirmed'", [salon_id, now])


async def read_coming_of_customers(
    connection: Connection, customer_ids: Collection[UUID], now: datetime
) -> dict[UUID, BookingSnapshot]:
    """The confirmed visits of these people that are still to come."""
    return await _read(
        connection,
        "customer_id = ANY (%s) AND start_at > %s AND state = 'confirmed'",
        [list(customer_ids), now],
    )


async def _read(
    connection: Connection, condition: LiteralString, parameters: Sequence[object]
) -> dict[UUID, BookingSnapshot]:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            f"SELECT {_VIEW} FROM booking_view WHERE {condition}",  # noqa: S608 - constants
            parameters,
        )
        return {row.booking_id: _snapshot(row) for row in await cursor.fetchall()}


def _snapshot(row: _Row) -> BookingSnapshot:
    return BookingSnapshot(
        booking_id=row.booking_id,
        salon_id=row.salon_id,
        customer_id=row.customer_id,
        staff_user_ids=tuple(row.staff_user_ids),
        state=BookingState(row.state),
        revision=row.last_revision,
        start=row.start_at,
        end=row.end_at,
        time_zone=row.time_zone,
        facts=row.facts,
    )


async def write_bookings(
    connection: Connection, bookings: Sequence[BookingSnapshot], gaps: Sequence[int], now: datetime
) -> None:
    """Remember the latest state of bookings; `gaps` says how many revisions each of them jumped over."""
    await connection.execute(
        """
        INSERT INTO booking_view (booking_id, salon_id, customer_id, staff_user_ids, state, last_revision,
                                  start_at, end_at, time_zone, facts, gaps, changed_at)
        SELECT latest.*, %s
        FROM json_to_recordset(%s) AS latest (
            booking_id uuid, salon_id uuid, customer_id uuid, staff_user_ids uuid[], state text,
            last_revision bigint, start_at timestamptz, end_at timestamptz, time_zone text, facts jsonb,
            gaps integer)
        ON CONFLICT (booking_id) DO UPDATE SET
            customer_id = excluded.customer_id, staff_user_ids = excluded.staff_user_ids,
            state = excluded.state, last_revision = excluded.last_revision, start_at = excluded.start_at,
            end_at = excluded.end_at, time_zone = excluded.time_zone, facts = excluded.facts,
            gaps = booking_view.gaps + excluded.gaps, changed_at = excluded.changed_at
        WHERE booking_view.last_revision < excluded.last_revision
        """,
        [now, batch([_booking_as_json(booking, gap) for booking, gap in zip(bookings, gaps, strict=True)])],
    )


def _booking_as_json(booking: BookingSnapshot, gaps: int) -> dict[str, object]:
    return {
        "booking_id": booking.booking_id,
        "salon_id": booking.salon_id,
        "customer_id": booking.customer_id,
        "staff_user_ids": booking.staff_user_ids,
        "state": booking.state,
        "last_revision": booking.revision,
        "start_at": booking.start,
        "end_at": booking.end,
        "time_zone": booking.time_zone,
        "facts": booking.facts,
        "gaps": gaps,
    }


async def cancel_other_reminders(
    connection: Connection, booking_ids: Collection[UUID], wanted: Sequence[Planned], now: datetime
) -> None:
    """Take back the reminders of these bookings that are not sent yet and no longer wanted."""
    await connection.execute(
        """
        UPDATE notifications SET status = 'cancelled', skip_reason = %s, updated_at = %s
        WHERE booking_id = ANY (%s) AND event = 'reminder' AND status IN ('pending', 'scheduled', 'deferred')
          AND (booking_id, recipient_id, channel, occurrence) NOT IN (
              SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[]))
        """,
        [
            SkipReason.SUPERSEDED,
            now,
            list(booking_ids),
            [row.booking_id for row in wanted],
            [row.recipient_id for row in wanted],
            [row.channel.value for row in wanted],
            [row.occurrence for row in wanted],
        ],
    )


async def release_deferred(connection: Connection, person_id: UUID, now: datetime) -> None:
    """Judge anew what a person's quiet hours put off: they are others now, or none."""
    await connection.execute(
        """
        UPDATE notifications SET status = 'pending', due_at = %s, updated_at = %s
        WHERE recipient_id = %s AND status = 'deferred'
        """,
        [now, now, person_id],
    )


async def record(connection: Connection, rows: Sequence[Planned], *, max_retries: int, now: datetime) -> int:
    """Write messages down, each at most once whoever else does; the number of rows that are new or moved.

    A reminder that was taken back because the booking changed comes back when the booking changes back, and
    one whose moment is another one now moves there, unless a person has set its time.
    """
    facts, facts_at = _shared_facts(rows)
    cursor = await connection.execute(
        """
        INSERT INTO notifications AS present (
            id, salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status, skip_reason,
            priority, due_at, booking_revision, facts, traceparent, max_retries, created_at, updated_at)
        SELECT uuidv7(), salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status,
               skip_reason, priority, due_at, booking_revision, told.facts -> facts_at, traceparent,
               %(max_retries)s, %(now)s, %(now)s
        FROM json_to_recordset(%(rows)s) AS planned (
                salon_id uuid, booking_id uuid, recipient_id uuid, audience text, event text,
                occurrence text, channel text, status text, skip_reason text, priority smallint,
                due_at timestamptz, booking_revision bigint, facts_at integer, traceparent text),
            (SELECT %(facts)s AS facts) AS told
        ON CONFLICT ON CONSTRAINT notifications_once DO UPDATE SET
            status = 'scheduled', skip_reason = '', due_at = excluded.due_at,
            traceparent = excluded.traceparent, updated_at = excluded.updated_at
        WHERE excluded.event = 'reminder' AND excluded.status = 'scheduled'
          AND (present.status = 'cancelled' AND present.skip_reason = %(superseded)s
               OR present.status IN ('pending', 'scheduled', 'deferred') AND NOT present.pinned
                  AND present.due_at <> excluded.due_at)
        """,
        {
            "rows": batch([_row_as_json(row, place) for row, place in zip(rows, facts_at, strict=True)]),
            "facts": Jsonb(facts),
            "max_retries": max_retries,
            "now": now,
            "superseded": SkipReason.SUPERSEDED,
        },
    )
    return cursor.rowcount


def _row_as_json(row: Planned, facts_at: int) -> dict[str, object]:
    return {
        "salon_id": row.salon_id,
        "booking_id": row.booking_id,
        "recipient_id": row.recipient_id,
        "audience": row.audience,
        "event": row.event,
        "occurrence": row.occurrence,
        "channel": row.channel,
        "status": row.status,
        "skip_reason": row.skip_reason or "",
        "priority": PRIORITY[row.event],
        "due_at": row.due_at,
        "booking_revision": row.booking_revision,
        "facts_at": facts_at,
        "traceparent": row.traceparent,
    }


def _shared_facts(rows: Sequence[Planned]) -> tuple[list[Facts], list[int]]:
    """Each event's facts once, and for each row which of them, from 0, are its own."""
    places: dict[int, int] = {}
    distinct: list[Facts] = []
    for row in rows:
        if id(row.facts) not in places:
            places[id(row.facts)] = len(distinct)
            distinct.append(row.facts)
    return distinct, [places[id(row.facts)] for row in rows]
