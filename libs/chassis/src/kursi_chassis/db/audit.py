"""The audit trail: who did what, from where. Rows are only ever added, in the transaction of what they tell about.

People and things stand in it by their ids; no name, number, address of mail, code or token ever does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection

Values = Mapping[str, object]

# The id comes from the database, so that the lines of one transaction keep their order.
_INSERT: Final[LiteralString] = """
INSERT INTO audit (at, actor, action, salon_id, target_type, target_id, before, after, address, request_id)
VALUES (coalesce(%s, now()), %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. Without a salon only the platform sees it; `actor` is whom the caller only now became, or acts for."""

    action: str
    target_type: str
    target_id: UUID | str
    salon_id: UUID | None = None
    before: Values | None = None
    after: Values | None = None
    actor: str = ""


async def append(
    connection: Connection, caller: Caller | None, *entries: Entry, at: datetime | None = None
) -> None:
    """Add lines, in this order. Without a caller it was the service by itself, and each names its actor.

    `at` is when it happened; the database's time unless it is given.
    """
    rows = [_row(entry, caller, at) for entry in entries]
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT, rows)


def _row(entry: Entry, caller: Caller | None, at: datetime | None) -> list[object]:
    return [
        at,
        entry.actor or (caller.actor if caller else ""),
        entry.action,
        entry.salon_id,
        entry.target_type,
        str(entry.target_id),
        _json(entry.before),
        _json(entry.after),
        caller.address if caller else "",
        caller.request_id if caller else "",
    ]


def _json(values: Values | None) -> Jsonb | None:
    return None if values is None else Jsonb(dict(values))
