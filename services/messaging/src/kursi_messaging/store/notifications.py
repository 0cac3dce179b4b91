"""Single messages: read to be changed, and changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kursi_messaging.domain.notification import Notification, NotificationNotFound
from kursi_messaging.domain.outcome import UNKNOWN_OUTCOME
from kursi_messaging.domain.words import PRIORITY, Audience, Channel, Event, SkipReason, Status

COLUMNS: Final = sql.SQL(", ").join(sql.Identifier(field.name) for field in fields(Notification))
"""Those of a `Notification`, in its order."""


async def lock(connection: Connection, notification_id: UUID) -> Notification:
    """The message, held until the transaction ends: a dispatcher that wants it passes by meanwhile.

    Raises:
        NotificationNotFound: there is none.
    """
    async with connection.cursor(row_factory=class_row(Notification)) as cursor:
        await cursor.execute(
            sql.SQL("SELECT {} FROM notifications WHERE id = %s FOR UPDATE").format(COLUMNS),
            [notification_id],
        )
        found = await cursor.fetchone()
    if found is None:
        raise NotificationNotFound
    return found


async def cancel(connection: Connection, notification_id: UUID, now: datetime) -> Notification:
    """Take it back, for good: no change of the booking brings it back."""
    return await _change(
        connection,
        sql.SQL("status = 'cancelled', skip_reason = %(reason)s"),
        {"id": notification_id, "now": now, "reason": SkipReason.BY_PERSON},
    )


async def move(
    connection: Connection, notification_id: UUID, due_at: datetime, now: datetime
) -> Notification:
    """Make it due at another time, which changes of preferences no longer touch."""
    return await _change(
        connection,
        sql.SQL("status = 'scheduled', due_at = %(due_at)s, pinned = true"),
        {"id": notification_id, "now": now, "due_at": due_at},
    )


async def revive(connection: Connection, notification_id: UUID, retries: int, now: datetime) -> Notification:
    """Have it tried again at once, and then up to `retries` times more; marked, if it may have been sent."""
    return await _change(
        connection,
        sql.SQL(
            "status = 'pending', error_code = '', due_at = %(now)s, max_retries = attempt_count + %(retries)s, "
            "possible_duplicate = possible_duplicate OR error_code = %(unknown)s"
        ),
        {"id": notification_id, "now": now, "retries": retries, "unknown": UNKNOWN_OUTCOME},
    )


async def _change(
    connection: Connection, assignments: sql.SQL, parameters: dict[str, object]
) -> Notification:
    async with connection.cursor(row_factory=class_row(Notification)) as cursor:
        await cursor.execute(
            sql.SQL(
                "UPDATE notifications SET {}, updated_at = %(now)s WHERE id = %(id)s RETURNING {}"
            ).format(assignments, COLUMNS),
            parameters,
        )
        changed = await cursor.fetchone()
    if changed is None:
        raise NotificationNotFound
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that a member of a salon wrote by hand. `due_at` in the future schedules it."""

    id: UUID
    salon_id: UUID
    booking_id: UUID | None
    recipient_id: UUID
    channel: Channel
    facts: dict[str, object]
    due_at: datetime
    traceparent: str


async def add_letter(
    connection: Connection, letter: Letter, *, max_retries: int, now: datetime
) -> Notification:
    """Record it; its own id is its occurrence, so the same words may be sent twice."""
    async with connection.cursor(row_factory=class_row(Notification)) as cursor:
        await cursor.execute(
            sql.SQL(
                """
                INSERT INTO notifications (
                    id, salon_id, booking_id, recipient_id, audience, event, occurrence, channel, status,
                    priority, due_at, facts, traceparent, max_retries, created_at, updated_at)
                VALUES (%(id)s, %(salon)s, %(booking)s, %(recipient)s, %(audience)s, %(event)s,
                        %(occurrence)s, %(channel)s, %(status)s, %(priority)s, %(due)s, %(facts)s,
                        %(traceparent)s, %(max_retries)s, %(now)s, %(now)s)
                RETURNING {}
                """
            ).format(COLUMNS),
            {
                "id": letter.id,
                "salon": letter.salon_id,
                "booking": letter.booking_id,
                "recipient": letter.recipient_id,
                "audience": Audience.CUSTOMER,
                "event": Event.MANUAL,
                "occurrence": str(letter.id),
                "channel": letter.channel,
                "status": Status.SCHEDULED if letter.due_at > now else Status.PENDING,
                "priority": PRIORITY[Event.MANUAL],
                "due": letter.due_at,
                "facts": Jsonb(letter.facts),
                "traceparent": letter.traceparent,
                "max_retries": max_retries,
                "now": now,
            },
        )
        added = await cursor.fetchone()
    if added is None:
        raise NotificationNotFound
    return added


async def facts_of_customer(
    connection: Connection, salon_id: UUID, customer_id: UUID, booking_id: UUID | None
) -> dict[str, object] | None:
    """What a letter may say of the salon, from the customer's latest booking there; None without any.

    With `booking_id` the booking has to be that one.
    """
    cursor = await connection.execute(
        """
        SELECT jsonb_build_object('salon_names', facts -> 'salon_names', 'time_zone', time_zone)
        FROM booking_view
        WHERE customer_id = %(customer)s AND salon_id = %(salon)s
          AND (%(booking)s::uuid IS NULL OR booking_id = %(booking)s)
        ORDER BY start_at DESC LIMIT 1
        """,
        {"customer": customer_id, "salon": salon_id, "booking": booking_id},
    )
    row = await cursor.fetchone()
    return dict(row[0]) if row else None
