"""Payments in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.idempotency import RequestIdReused
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from kursi_payment.domain.payment import OPEN, Payment
from kursi_payment.ports import Look, OneIsOpen, RequestKey, Selection
from kursi_payment.store.audit import record
from kursi_payment.store.events import event_of
from kursi_payment.store.rows import PAYMENT_COLUMNS, PaymentRow, payment_parameters

WAKE_CHANNEL: Final = "payment_work"

_INSERT: Final[LiteralString] = """
INSERT INTO payments (id, booking_id, salon_id, customer_id, purpose, state, currency_code, amount_minor,
    authorize_only, provider, handle, revision, created_at, updated_at,
    request_caller, request_id, request_fingerprint, next_look_at)
VALUES (%(id)s, %(booking_id)s, %(salon_id)s, %(customer_id)s, %(purpose)s, %(state)s, %(currency_code)s,
    %(amount_minor)s, %(authorize_only)s, %(provider)s, %(handle)s, %(revision)s, %(created_at)s, %(updated_at)s,
    %(caller)s, %(request_id)s, %(fingerprint)s, %(next_look_at)s)
ON CONFLICT (request_caller, request_id) DO NOTHING
"""
_UPDATE: Final[LiteralString] = """
UPDATE payments SET state = %(state)s, authorized_minor = %(authorized_minor)s,
    captured_minor = %(captured_minor)s, refunded_minor = %(refunded_minor)s,
    refunding_minor = %(refunding_minor)s, redirect_url = %(redirect_url)s, failure_reason = %(failure_reason)s,
    card_last_four = %(card_last_four)s, is_late = %(is_late)s, revision = %(revision)s,
    updated_at = %(updated_at)s
WHERE id = %(id)s AND revision = %(revision_before)s
"""


class LostRace(RuntimeError):
    """A payment changed although it was locked: a mistake in the program."""


class PaymentRows:
    """Payments, through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_payment(self, payment: Payment, key: RequestKey, next_look_at: datetime) -> bool:
        parameters = {
            **payment_parameters(payment),
            "caller": key.caller,
            "request_id": key.request_id or None,
            "fingerprint": key.fingerprint,
            "next_look_at": next_look_at,
        }
        try:
            cursor = await self._connection.execute(_INSERT, parameters)
        except UniqueViolation as error:
            if error.diag.constraint_name == "payments_one_open":
                raise OneIsOpen from error
            raise
        return cursor.rowcount == 1

    async def payment(self, payment_id: UUID) -> Payment | None:
        return await self._find("WHERE id = %s", [payment_id])

    async def locked_payment(self, payment_id: UUID) -> Payment | None:
        return await self._find("WHERE id = %s FOR UPDATE", [payment_id])

    async def open_payment(self, booking_id: UUID, purpose: str) -> Payment | None:
        return await self._find(
            "WHERE booking_id = %s AND purpose = %s AND state = ANY (%s) AND NOT is_late LIMIT 1",
            [booking_id, purpose, list(OPEN)],
        )

    async def payments_of_booking(self, booking_id: UUID) -> Sequence[Payment]:
        return await self._select_payments("WHERE booking_id = %s ORDER BY id FOR UPDATE", [booking_id])

    async def select(self, selection: Selection) -> Sequence[Payment]:
        owner: LiteralString = "salon_id" if selection.salon_id else "customer_id"
        conditions: list[LiteralString] = [owner + " = %s"]
        parameters: list[object] = [selection.salon_id or selection.customer_id]
        if selection.booking_id:
            conditions.append("booking_id = %s")
            parameters.append(selection.booking_id)
        if selection.states:
            conditions.append("state = ANY (%s)")
            parameters.append(list(selection.states))
        if selection.before:
            conditions.append("id < %s")
            parameters.append(selection.before)
        return await self._select_payments(
            "WHERE " + " AND ".join(conditions) + " ORDER BY id DESC LIMIT %s", [*parameters, selection.most]
        )

    async def payment_of_request(self, key: RequestKey) -> Payment | None:
        if not key.request_id:
            return None
        cursor = await self._connection.execute(
            "SELECT id, request_fingerprint FROM payments WHERE request_caller = %s AND request_id = %s",
            [key.caller, key.request_id],
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        if bytes(row[1]) != key.fingerprint:
            raise RequestIdReused
        return await self.payment(row[0])

    async def save(self, before: Payment, steps: Sequence[Payment], *, actor: str) -> None:
        previous = before
        for step in steps:
            # Each by itself: the database knows which state may follow which, and where the last one leads to
            # may be no step from where the first one began.
            await self._update(previous, step)
            await record(self._connection, previous, step, actor)
            previous = step
        moved = [
            after
            for earlier, after in zip((before, *steps), steps, strict=False)
            if (earlier.state, earlier.refunded) != (after.state, after.refunded)
        ]
        await outbox.append(self._connection, *(event_of(step) for step in moved))

    async def _update(self, before: Payment, after: Payment) -> None:
        parameters = {**payment_parameters(after), "revision_before": before.revision}
        cursor = await self._connection.execute(_UPDATE, parameters)
        if cursor.rowcount != 1:
            raise LostRace(str(after.id))

    async def mark_sent(self, payment_id: UUID, at: datetime) -> bool:
        cursor = await self._connection.execute(
            "UPDATE payments SET sent_at = %s WHERE id = %s AND state = 'created'", [at, payment_id]
        )
        return cursor.rowcount == 1

    async def mark_flagged(self, payment_id: UUID, what: str) -> bool:
        cursor = await self._connection.execute(
            "UPDATE payments SET flagged = %s WHERE id = %s AND flagged <> %s", [what, payment_id, what]
        )
        return cursor.rowcount == 1

    async def look_at(self, payment_id: UUID, at: datetime) -> None:
        # LEAST: who asks for a look later must not undo what a notice asked for.
        await self._connection.execute(
            "UPDATE payments SET next_look_at = LEAST(next_look_at, %s) WHERE id = %s", [at, payment_id]
        )
        await self.wake()

    async def look_sooner(self, provider: str, handle: UUID, at: datetime) -> None:
        await self._connection.execute(
            "UPDATE payments SET next_look_at = LEAST(next_look_at, %s) WHERE provider = %s AND handle = %s",
            [at, provider, handle],
        )
        await self.wake()

    async def is_ours(self, provider: str, handle: UUID) -> bool:
        """Whether a payment has this handle; it has it before the provider first hears of it."""
        cursor = await self._connection.execute(
            "SELECT 1 FROM payments WHERE provider = %s AND handle = %s", [provider, handle]
        )
        return await cursor.fetchone() is not None

    async def wake(self) -> None:
        """Have the jobs look into the queue once this transaction has committed."""
        await self._connection.execute(f"NOTIFY {WAKE_CHANNEL}")

    async def looked(self, payment_id: UUID, look: Look) -> None:
        await self._connection.execute(
            """
            UPDATE payments SET looked_at = %(ended)s, next_look_at =
                CASE WHEN next_look_at BETWEEN %(began)s AND %(ended)s THEN next_look_at
                     -- The job that a notice woke has come and gone, because we were at it.
                     WHEN EXISTS (SELECT FROM provider_events AS notice
                                  WHERE notice.handle = payments.handle AND notice.provider = payments.provider
                                      AND notice.state = 'waiting' AND notice.received_at > %(began)s)
                     THEN %(ended)s ELSE %(next)s END
            WHERE id = %(id)s
            """,
            {"began": look.began_at, "ended": look.ended_at, "next": look.next_at, "id": payment_id},
        )
        await self._connection.execute(
            """
            UPDATE provider_events SET state = 'applied', applied_at = %(ended)s
            FROM payments WHERE payments.id = %(id)s AND provider_events.handle = payments.handle
                AND provider_events.provider = payments.provider AND provider_events.state = 'waiting'
                AND provider_events.received_at <= %(began)s
            """,
            {"began": look.began_at, "ended": look.ended_at, "id": payment_id},
        )

    async def may_ask(self, payment_id: UUID, now: datetime, every: timedelta) -> bool:
        cursor = await self._connection.execute(
            "UPDATE payments SET asked_at = %s WHERE id = %s AND (asked_at IS NULL OR asked_at <= %s)",
            [now, payment_id, now - every],
        )
        return cursor.rowcount == 1

    async def claim_due(self, now: datetime, until: datetime, most: int) -> Sequence[UUID]:
        cursor = await self._connection.execute(
            """
            UPDATE payments SET next_look_at = %s WHERE id IN (
                SELECT id FROM payments WHERE next_look_at <= %s
                ORDER BY next_look_at LIMIT %s FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            [until, now, most],
        )
        return [row[0] for row in await cursor.fetchall()]

    async def start_sweep(self, looked_before: datetime, made_after: datetime, now: datetime) -> int:
        cursor = await self._connection.execute(
            """
            UPDATE payments SET next_look_at = %s WHERE id IN (
                SELECT id FROM payments
                WHERE state IN ('authorized', 'captured', 'partially_refunded', 'expired')
                    AND next_look_at IS NULL AND looked_at < %s AND created_at > %s
                ORDER BY looked_at LIMIT 500)
            """,
            [now, looked_before, made_after],
        )
        return cursor.rowcount

    async def _find(self, where: LiteralString, parameters: Sequence[object]) -> Payment | None:
        found = await self._select_payments(where, parameters)
        return found[0] if found else None

    async def _select_payments(self, where: LiteralString, parameters: Sequence[object]) -> list[Payment]:
        async with self._connection.cursor(row_factory=class_row(PaymentRow)) as cursor:
            query = f"SELECT {PAYMENT_COLUMNS} FROM payments {where}"  # noqa: S608 -- literals only, says the type
            await cursor.execute(query, parameters)
            return [row.payment() for row in await cursor.fetchall()]
