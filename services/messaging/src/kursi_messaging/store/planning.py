"""What planning reads and writes: a fixed number of statements, however many events a batch has."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.ids import new_id
from psycopg.rows import class_row

from kursi_messaging.domain.booking import BookingSnapshot, Facts
from kursi_messaging.domain.planning import Planned
from kursi_messaging.domain.words import PRIORITY, BookingState, SkipReason

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
        SELECT booking_id, salon_id, customer_id, staff::uuid[], state, last_revision, start_at, end_at,
               time_zone, facts::jsonb, gaps, %s
        FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::bigint[],
                    %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::integer[])
            AS latest (booking_id, salon_id, customer_id, staff, state, last_revision, start_at, end_at,
                       time_zone, facts, gaps)
        ON CONFLICT (booking_id) DO UPDATE SET
            customer_id = excluded.customer_id, staff_user_ids = excluded.staff_user_ids,
            state = excluded.state, last_revision = excluded.last_revision, start_at = excluded.start_at,
            end_at = excluded.end_at, time_zone = excluded.time_zone, facts = excluded.facts,
            gaps = booking_view.gaps + excluded.gaps, changed_at = excluded.changed_at
        WHERE booking_view.last_revision < excluded.last_revision
        """,
        [
            now,
            [booking.booking_id for booking in bookings],
            [booking.salon_id for booking in bookings],
            [booking.customer_id for booking in bookings],
            ["{" + ",".join(map(str, booking.staff_user_ids)) + "}" for booking in bookings],
            [booking.state.value for booking in bookings],
            [booking.revision for booking in bookings],
            [booking.start for booking in bookings],
            [booking.end for booking in bookings],
            [booking.time_zone for booking in bookings],
            [json.dumps(booking.facts, ensure_ascii=False) for booking in bookings],
            list(gaps),
        ],
    )


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


async def record(connection: Connection, rows: Sequence[Planned], *, max_retries: int, now: datetime) -> int:
    """Write messages down, each at most once whoever else does; the number of rows that are new or moved.

    A reminder that was taken back because the booking changed comes back when the booking changes back, and
    one whose moment is another one now moves there, unless a person has set its time.
    """
    cursor = await connection.execute(
        """
        INSERT INTO notifications AS present (
            id, salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status, skip_reason,
            priority, due_at, booking_revision, facts, max_retries, created_at, updated_at)
        SELECT id, salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status,
               skip_reason, priority, due_at, booking_revision, facts[facts_at]::jsonb, %(max_retries)s,
               %(now)s, %(now)s
        FROM unnest(%(ids)s::uuid[], %(salons)s::uuid[], %(bookings)s::uuid[], %(recipients)s::uuid[],
                    %(audiences)s::text[], %(events)s::text[], %(occurrences)s::text[], %(channels)s::text[],
                    %(statuses)s::text[], %(skip_reasons)s::text[], %(priorities)s::smallint[],
                    %(due)s::timestamptz[], %(revisions)s::bigint[], %(facts_at)s::integer[])
            AS planned (id, salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status,
                        skip_reason, priority, due_at, booking_revision, facts_at),
            (SELECT %(facts)s::text[]) AS told (facts)
        ON CONFLICT ON CONSTRAINT notifications_once DO UPDATE SET
            status = 'scheduled', skip_reason = '', due_at = excluded.due_at, updated_at = excluded.updated_at
        WHERE excluded.event = 'reminder' AND excluded.status = 'scheduled'
          AND (present.status = 'cancelled' AND present.skip_reason = %(superseded)s
               OR present.status IN ('pending', 'scheduled', 'deferred') AND NOT present.pinned
                  AND present.due_at <> excluded.due_at)
        """,
        _columns(rows) | {"max_retries": max_retries, "now": now, "superseded": SkipReason.SUPERSEDED},
    )
    return cursor.rowcount


def _columns(rows: Sequence[Planned]) -> dict[str, object]:
    facts, facts_at = _shared_facts(rows)
    return {
        "ids": [new_id() for _ in rows],
        "salons": [row.salon_id for row in rows],
        "bookings": [row.booking_id for row in rows],
        "recipients": [row.recipient_id for row in rows],
        "audiences": [row.audience.value for row in rows],
        "events": [row.event.value for row in rows],
        "occurrences": [row.occurrence for row in rows],
        "channels": [row.channel.value for row in rows],
        "statuses": [row.status.value for row in rows],
        "skip_reasons": [row.skip_reason.value if row.skip_reason else "" for row in rows],
        "priorities": [PRIORITY[row.event] for row in rows],
        "due": [row.due_at for row in rows],
        "revisions": [row.booking_revision for row in rows],
        "facts": facts,
        "facts_at": facts_at,
    }


def _shared_facts(rows: Sequence[Planned]) -> tuple[list[str], list[int]]:
    """Each event's facts once, and for each row which of them (from 1) are its own."""
    places: dict[int, int] = {}
    distinct: list[Facts] = []
    facts_at = []
    for row in rows:
        place = places.get(id(row.facts))
        if place is None:
            distinct.append(row.facts)
            place = places[id(row.facts)] = len(distinct)
        facts_at.append(place)
    return [json.dumps(facts, ensure_ascii=False) for facts in distinct], facts_at
