"""The audit trail: who changed what. Ids and states only; never a text, a number or an address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection
from kursi_chassis.ids import new_id
from psycopg.types.json import Jsonb


async def write(
    connection: Connection,
    caller: Caller,
    at: datetime,
    *,
    action: str,
    target_type: str,
    target_id: UUID,
    salon_id: UUID | None,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> None:
    """Add a line, in the transaction of what it tells about."""
    await connection.execute(
        """
        INSERT INTO audit (id, at, actor, action, salon_id, target_type, target_id, before, after, address,
                           request_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            new_id(), at, caller.actor, action, salon_id, target_type, str(target_id), Jsonb(dict(before)),
            Jsonb(dict(after)), caller.address, caller.request_id,
        ],
    )  # fmt: skip
