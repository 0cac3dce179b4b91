"""Time off and closures as rows."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.domain.absence import Closure, TimeOff
from kursi_catalog.store.rows import Row, fetch_all, insert_row

Position = tuple[datetime, UUID]
"""Where a page begins: absences are listed by their start."""

_PAGE: LiteralString = """
    AND (%(start)s::timestamptz IS NULL OR (start_time, id) > (%(start)s, %(id)s))
    ORDER BY start_time, id LIMIT %(limit)s
"""
_TIME_OFF = sql.SQL(
    "SELECT id, salon_id, staff_id, start_time, end_time, reason FROM time_off "
    "WHERE salon_id = %(salon_id)s AND staff_id = %(staff_id)s"
) + sql.SQL(_PAGE)
_CLOSURES = sql.SQL(
    "SELECT id, salon_id, start_time, end_time, reasons FROM closures WHERE salon_id = %(salon_id)s"
) + sql.SQL(_PAGE)


async def insert_time_off(connection: Connection, absence: TimeOff) -> None:
    row = {
        "id": absence.id,
        "salon_id": absence.salon_id,
        "staff_id": absence.staff_id,
        "start_time": absence.start_time,
        "end_time": absence.end_time,
        "reason": absence.reason,
    }
    await insert_row(connection, "time_off", row)
    await _count_change(connection, absence.staff_id)


async def delete_time_off(
    connection: Connection, salon_id: UUID, staff_id: UUID, time_off_id: UUID
) -> TimeOff | None:
    """Remove it; what was removed, None when it was not there."""
    query = sql.SQL(
        "DELETE FROM time_off WHERE salon_id = %(salon_id)s AND staff_id = %(staff_id)s AND id = %(id)s "
        "RETURNING id, salon_id, staff_id, start_time, end_time, reason"
    )
    rows = await fetch_all(connection, query, {"salon_id": salon_id, "staff_id": staff_id, "id": time_off_id})
    if not rows:
        return None
    await _count_change(connection, staff_id)
    return TimeOff(**rows[0])


async def time_off_page(
    connection: Connection, salon_id: UUID, staff_id: UUID, after: Position | None, limit: int
) -> list[TimeOff]:
    parameters = {"salon_id": salon_id, "staff_id": staff_id, **_page(after, limit)}
    return [TimeOff(**row) for row in await fetch_all(connection, _TIME_OFF, parameters)]


async def insert_closure(connection: Connection, closure: Closure) -> None:
    row = {
        "id": closure.id,
        "salon_id": closure.salon_id,
        "start_time": closure.start_time,
        "end_time": closure.end_time,
        "reasons": Jsonb(closure.reasons),
    }
    await insert_row(connection, "closures", row)


async def delete_closure(connection: Connection, salon_id: UUID, closure_id: UUID) -> Closure | None:
    """Remove it; what was removed, None when it was not there."""
    query = sql.SQL(
        "DELETE FROM closures WHERE salon_id = %(salon_id)s AND id = %(id)s "
        "RETURNING id, salon_id, start_time, end_time, reasons"
    )
    rows = await fetch_all(connection, query, {"salon_id": salon_id, "id": closure_id})
    return Closure(**rows[0]) if rows else None


async def closure_page(
    connection: Connection, salon_id: UUID, after: Position | None, limit: int
) -> list[Closure]:
    parameters = {"salon_id": salon_id, **_page(after, limit)}
    return [Closure(**row) for row in await fetch_all(connection, _CLOSURES, parameters)]


async def _count_change(connection: Connection, staff_id: UUID) -> None:
    await connection.execute("UPDATE staff_members SET version = version + 1 WHERE id = %s", [staff_id])


def _page(after: Position | None, limit: int) -> Row:
    start, thing_id = after or (None, None)
    return {"start": start, "id": thing_id, "limit": limit}
