"""Captures, voids and refunds in the database."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.idempotency import RequestIdReused
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from kursi_payment.domain.movement import Kind, Movement, Progress
from kursi_payment.ports import DecisionPending, RequestKey
from kursi_payment.store.rows import MOVEMENT_COLUMNS, MovementRow, movement_parameters

_INSERT: Final[LiteralString] = """
INSERT INTO movements (id, payment_id, kind, amount_minor, progress, reason, actor, created_at, updated_at,
    request_caller, request_method, request_id, request_fingerprint)
VALUES (%(id)s, %(payment_id)s, %(kind)s, %(amount_minor)s, %(progress)s, %(reason)s, %(actor)s, %(created_at)s,
    %(updated_at)s, %(caller)s, %(method)s, %(request_id)s, %(fingerprint)s)
ON CONFLICT (request_caller, request_method, request_id) DO NOTHING
"""
_UPDATE: Final[LiteralString] = """
UPDATE movements SET progress = %(progress)s, refunded_before_minor = %(refunded_before_minor)s,
    sent_at = %(sent_at)s, updated_at = %(updated_at)s
WHERE id = %(id)s
"""


class MovementRows:
    """Movements, through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_movement(self, movement: Movement, key: RequestKey) -> bool:
        parameters = {
            **movement_parameters(movement),
            "caller": key.caller,
            "method": key.method,
            "request_id": key.request_id or None,
            "fingerprint": key.fingerprint,
        }
        try:
            cursor = await self._connection.execute(_INSERT, parameters)
        except UniqueViolation as error:
            if error.diag.constraint_name == "movements_one_decision":
                raise DecisionPending from error
            raise
        return cursor.rowcount == 1

    async def decision_is_pending(self, payment_id: UUID) -> bool:
        pending = [m for m in await self.movements(payment_id) if m.progress is Progress.PENDING]
        return any(movement.kind is not Kind.REFUND for movement in pending)

    async def save_movement(self, movement: Movement) -> None:
        await self._connection.execute(_UPDATE, movement_parameters(movement))

    async def movement(self, movement_id: UUID) -> Movement | None:
        found = await self._select_movements("WHERE m.id = %s", [movement_id])
        return found[0] if found else None

    async def movements(self, payment_id: UUID) -> Sequence[Movement]:
        return await self._select_movements("WHERE m.payment_id = %s ORDER BY m.id", [payment_id])

    async def refunds_of(self, payment_ids: Sequence[UUID]) -> Sequence[Movement]:
        """The refunds of several payments, oldest first."""
        return await self._select_movements(
            "WHERE m.payment_id = ANY (%s) AND m.kind = 'refund' ORDER BY m.id", [list(payment_ids)]
        )

    async def movement_of_request(self, key: RequestKey) -> Movement | None:
        if not key.request_id:
            return None
        cursor = await self._connection.execute(
            "SELECT id, request_fingerprint FROM movements "
            "WHERE request_caller = %s AND request_method = %s AND request_id = %s",
            [key.caller, key.method, key.request_id],
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        if bytes(row[1]) != key.fingerprint:
            raise RequestIdReused
        return await self.movement(row[0])

    async def _select_movements(self, where: LiteralString, parameters: Sequence[object]) -> list[Movement]:
        async with self._connection.cursor(row_factory=class_row(MovementRow)) as cursor:
            table = "movements m JOIN payments p ON p.id = m.payment_id"
            query = f"SELECT {MOVEMENT_COLUMNS} FROM {table} {where}"  # noqa: S608 -- literals only, says the type
            await cursor.execute(query, parameters)
            return [row.movement() for row in await cursor.fetchall()]
