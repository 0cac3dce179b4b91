"""Delivery reports: written down as they came, applied when their message is known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.ids import new_id
from psycopg.rows import class_row

from kursi_messaging.domain.delivery import predecessors
from kursi_messaging.domain.words import Status
from kursi_messaging.ports import Report
from kursi_messaging.store.events import notification_event


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report that waits for its message."""

    id: UUID
    provider: str
    notification_id: UUID | None
    external_id: str
    status: str
    reported_status: str
    error_code: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class _Moved:
    id: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    channel: str
    event: str
    attempt_count: int


_COLUMNS: Final[LiteralString] = (
    "id, provider, notification_id, external_id, status, reported_status, error_code, received_at"
)

_APPLY: Final[LiteralString] = """
WITH moved AS (
    UPDATE notifications AS mine SET
        status = %(status)s, delivery_status = %(reported_status)s, updated_at = %(now)s,
        error_code = CASE WHEN %(status)s IN ('failed', 'bounced') THEN %(error_code)s ELSE '' END,
        external_id = CASE WHEN mine.external_id = '' THEN %(external_id)s ELSE mine.external_id END,
        sent_at = coalesce(mine.sent_at, %(now)s),
        delivered_at = CASE WHEN %(status)s IN ('delivered', 'opened', 'clicked')
                            THEN coalesce(mine.delivered_at, %(now)s) ELSE mine.delivered_at END,
        opened_at = CASE WHEN %(status)s IN ('opened', 'clicked')
                         THEN coalesce(mine.opened_at, %(now)s) ELSE mine.opened_at END,
        lease_token = NULL, lease_until = NULL
    WHERE {} AND mine.status = ANY (%(before)s)
    RETURNING mine.id, mine.salon_id, mine.booking_id, mine.recipient_id, mine.channel, mine.event,
              mine.attempt_count
), closed AS (
    UPDATE attempts AS try SET
        outcome = 'accepted', finished_at = coalesce(try.finished_at, %(now)s)
    FROM moved
    WHERE try.notification_id = moved.id AND try.number = moved.attempt_count
      AND coalesce(try.outcome, 'ambiguous') IN ('ambiguous', 'retryable')
)
SELECT * FROM moved
"""

# A report belongs to the message that its address names; without one, to the message that the provider's id
# names. A failure of an earlier try does not undo a later one: it counts only from the try whose id the message
# carries, or while it carries none.
_BY_REFERENCE: Final[LiteralString] = _APPLY.format(
    "mine.id = %(notification_id)s AND (%(status)s NOT IN ('failed', 'bounced') "
    "OR mine.external_id IN ('', %(external_id)s))"
)
_BY_PROVIDERS_ID: Final[LiteralString] = _APPLY.format(
    "mine.provider = %(provider)s AND mine.external_id = %(external_id)s AND mine.external_id <> ''"
)
_STATE_BY_REFERENCE: Final[LiteralString] = "SELECT status FROM notifications WHERE id = %(notification_id)s"
_STATE_BY_PROVIDERS_ID: Final[LiteralString] = (
    "SELECT status FROM notifications "
    "WHERE provider = %(provider)s AND external_id = %(external_id)s AND external_id <> ''"
)


async def keep(
    connection: Connection, report: Report, *, fingerprint: bytes, payload: bytes, now: datetime
) -> bool:
    """Write a report down, parked; False when it is there already."""
    cursor = await connection.execute(
        """
        INSERT INTO delivery_reports (id, provider, fingerprint, notification_id, external_id, status,
                                      reported_status, error_code, payload, state, received_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'parked', %s)
        ON CONFLICT ON CONSTRAINT delivery_reports_once DO NOTHING
        """,
        [
            new_id(), report.provider, fingerprint, report.notification_id, report.external_id, report.status,
            report.reported_status, report.error_code, payload, now,
        ],
    )  # fmt: skip
    return cursor.rowcount == 1


async def apply_parked(connection: Connection, fingerprint: bytes, now: datetime) -> None:
    """Apply one report, unless it is settled already."""
    for report in await _read(connection, "fingerprint = %s", [fingerprint]):
        await apply(connection, report, now)


async def apply(connection: Connection, report: StoredReport, now: datetime) -> UUID | None:
    """Move the report's message forward, if it is one to move; the message that it moved.

    The report is settled when its message is known and no longer waiting to be sent: then it has either
    moved it, or came too late to say anything new. Otherwise it stays parked.
    """
    by_reference = report.notification_id is not None
    parameters = {
        "notification_id": report.notification_id,
        "provider": report.provider,
        "external_id": report.external_id,
        "status": report.status,
        "reported_status": report.reported_status,
        "error_code": report.error_code or report.reported_status,
        "before": [status.value for status in predecessors(Status(report.status))],
        "now": now,
    }
    async with connection.cursor(row_factory=class_row(_Moved)) as cursor:
        await cursor.execute(_BY_REFERENCE if by_reference else _BY_PROVIDERS_ID, parameters)
        moved = await cursor.fetchone()
    if moved is not None:
        await _tell(connection, moved, report, now)
        await _close(connection, report.id, "applied", now)
        return moved.id
    state = await connection.execute(
        _STATE_BY_REFERENCE if by_reference else _STATE_BY_PROVIDERS_ID, parameters
    )
    found = await state.fetchone()
    if found is not None and found[0] not in {Status.PENDING, Status.SCHEDULED, Status.DEFERRED}:
        await _close(connection, report.id, "ignored", now)
    return None


async def apply_parked_about(
    connection: Connection, notification_ids: Collection[UUID], now: datetime
) -> set[UUID]:
    """Apply the parked reports that name these messages; those messages that were moved.

    The caller has just claimed them. Reports are read without a lock: somebody who looks at one of them at
    this moment still sees its message waiting and lets go of it, and to pass it over would send twice.
    """
    parked = await _read(connection, "notification_id = ANY (%s)", [list(notification_ids)], lock="")
    moved = [await apply(connection, report, now) for report in parked]
    return {notification_id for notification_id in moved if notification_id is not None}


async def parked(connection: Connection, most: int) -> list[StoredReport]:
    """Reports that wait for their message, oldest first, each for this transaction alone."""
    return await _read(connection, "true", [], most=most)


async def drop_older(connection: Connection, age: timedelta, now: datetime) -> int:
    """Give up on reports that wait longer than `age`, unless their message is still to be tried again."""
    cursor = await connection.execute(
        """
        UPDATE delivery_reports AS report SET state = 'ignored', settled_at = %(now)s
        WHERE state = 'parked' AND received_at < %(now)s - %(age)s AND NOT EXISTS (
            SELECT FROM notifications WHERE id = report.notification_id
              AND status IN ('pending', 'scheduled', 'deferred', 'sending'))
        """,
        {"now": now, "age": age},
    )
    return cursor.rowcount


async def _read(
    connection: Connection,
    condition: LiteralString,
    parameters: list[object],
    *,
    lock: LiteralString = "FOR UPDATE SKIP LOCKED",
    most: int = 1_000,
) -> list[StoredReport]:
    async with connection.cursor(row_factory=class_row(StoredReport)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM delivery_reports WHERE state = 'parked' AND {condition} "  # noqa: S608 - constants
            f"ORDER BY received_at LIMIT %s {lock}",
            [*parameters, most],
        )
        return await cursor.fetchall()


async def _tell(connection: Connection, moved: _Moved, report: StoredReport, now: datetime) -> None:
    event = notification_event(
        Status(report.status),
        notification_id=moved.id,
        salon_id=moved.salon_id,
        booking_id=moved.booking_id,
        recipient_id=moved.recipient_id,
        channel=moved.channel,
        about=moved.event,
        error_code=report.error_code,
        attempt=moved.attempt_count,
        at=now,
    )
    if event is not None:
        await outbox.append(connection, event)


async def _close(connection: Connection, report_id: UUID, state: str, now: datetime) -> None:
    await connection.execute(
        "UPDATE delivery_reports SET state = %s, settled_at = %s WHERE id = %s", [state, now, report_id]
    )
