"""Delivery reports: written down as they came, applied when their message is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.ids import new_id
from psycopg.rows import class_row

from kursi_messaging.domain.delivery import predecessors, shows_that_it_was_sent
from kursi_messaging.domain.outcome import UNKNOWN_OUTCOME
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
class Moved:
    """A message that a report has moved; `was` and `status` are its states before and after."""

    id: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    channel: str
    provider: str
    event: str
    attempt_count: int
    was: str
    status: str

    @property
    def has_come_back(self) -> bool:
        """Whether it had been recorded as failed, and is not any more."""
        return self.was in _GIVEN_UP and not self.still_failed

    @property
    def still_failed(self) -> bool:
        """Whether it had been recorded as failed, and the report only says why."""
        return self.was in _GIVEN_UP and self.status in _GIVEN_UP


_GIVEN_UP: Final = frozenset({Status.FAILED, Status.DEAD})

_COLUMNS: Final[LiteralString] = (
    "id, provider, notification_id, external_id, status, reported_status, error_code, received_at"
)

# What was given up comes back when the provider has it under an id that is not the one that failed; a report that it
# failed there, too, is why it did where that was unknown, and no second failure.
_APPLY: Final[LiteralString] = """
WITH moved AS (
    UPDATE notifications AS mine SET
        status = CASE WHEN mine.status = 'dead' AND %(status)s = 'failed' THEN 'dead' ELSE %(status)s END,
        delivery_status = %(reported_status)s, updated_at = %(now)s,
        error_code = CASE WHEN %(status)s IN ('failed', 'bounced') THEN %(error_code)s ELSE '' END,
        external_id = CASE WHEN mine.external_id = '' OR mine.status IN ('failed', 'dead')
                           THEN %(external_id)s ELSE mine.external_id END,
        sent_at = coalesce(mine.sent_at, %(now)s),
        delivered_at = CASE WHEN %(status)s IN ('delivered', 'opened', 'clicked')
                            THEN coalesce(mine.delivered_at, %(now)s) ELSE mine.delivered_at END,
        opened_at = CASE WHEN %(status)s IN ('opened', 'clicked')
                         THEN coalesce(mine.opened_at, %(now)s) ELSE mine.opened_at END,
        lease_token = NULL, lease_until = NULL
    WHERE {} AND (mine.status = ANY (%(before)s) OR mine.status IN ('failed', 'dead') AND (
        %(was_sent)s AND mine.external_id <> %(external_id)s
        OR %(status)s = 'failed' AND mine.error_code = %(unknown)s))
    RETURNING mine.id, mine.salon_id, mine.booking_id, mine.recipient_id, mine.channel, mine.provider, mine.event,
              mine.attempt_count, old.status AS was, mine.status
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


async def apply_parked(connection: Connection, fingerprint: bytes, now: datetime) -> list[Moved]:
    """Apply one report, unless it is settled already; what it moved.

    Who applies it at this moment is waited for: whoever learned of a message decides next by what is known of it.
    """
    parked = await _read(connection, "fingerprint = %s", [fingerprint], lock="FOR UPDATE")
    return await apply_all(connection, parked, now)


async def apply_all(connection: Connection, those: Sequence[StoredReport], now: datetime) -> list[Moved]:
    """Apply these reports, one after the other; what they moved."""
    moved = [await apply(connection, report, now) for report in those]
    return [one for one in moved if one is not None]


async def apply(connection: Connection, report: StoredReport, now: datetime) -> Moved | None:
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
        "was_sent": shows_that_it_was_sent(Status(report.status)),
        "unknown": UNKNOWN_OUTCOME,
        "now": now,
    }
    async with connection.cursor(row_factory=class_row(Moved)) as cursor:
        await cursor.execute(_BY_REFERENCE if by_reference else _BY_PROVIDERS_ID, parameters)
        moved = await cursor.fetchone()
    if by_reference and shows_that_it_was_sent(Status(report.status)):
        await _mark_second(connection, parameters)
    if moved is not None:
        if not moved.still_failed:
            await _tell(connection, moved, report, now)
        await _close(connection, report.id, "applied", now)
        return moved
    state = await connection.execute(
        _STATE_BY_REFERENCE if by_reference else _STATE_BY_PROVIDERS_ID, parameters
    )
    found = await state.fetchone()
    if found is not None and found[0] not in {Status.PENDING, Status.SCHEDULED, Status.DEFERRED}:
        await _close(connection, report.id, "ignored", now)
    return None


async def _mark_second(connection: Connection, parameters: Mapping[str, object]) -> None:
    """A provider that has the message under an id besides the one we know has sent it twice."""
    await connection.execute(
        """
        UPDATE notifications SET possible_duplicate = true, updated_at = %(now)s
        WHERE id = %(notification_id)s AND external_id NOT IN ('', %(external_id)s)
          AND status IN ('sent', 'delivered', 'opened', 'clicked') AND NOT possible_duplicate
        """,
        parameters,
    )


async def apply_parked_about(
    connection: Connection, notification_ids: Collection[UUID], now: datetime
) -> set[UUID]:
    """Apply the parked reports that name these messages; those messages that were moved.

    The caller has just claimed them. Reports are read without a lock: somebody who looks at one of them at
    this moment still sees its message waiting and lets go of it, and to pass it over would send twice.
    """
    parked = await _read(connection, "notification_id = ANY (%s)", [list(notification_ids)], lock="")
    return {moved.id for moved in await apply_all(connection, parked, now)}


async def parked(connection: Connection, most: int, after: StoredReport | None) -> list[StoredReport]:
    """Reports that wait for their message, the oldest `after` this one first, each for this transaction alone."""
    if after is None:
        return await _read(connection, "true", [], most=most)
    return await _read(connection, "(received_at, id) > (%s, %s)", [after.received_at, after.id], most=most)


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
            f"ORDER BY received_at, id LIMIT %s {lock}",
            [*parameters, most],
        )
        return await cursor.fetchall()


async def _tell(connection: Connection, moved: Moved, report: StoredReport, now: datetime) -> None:
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
