"""Who changed what in a salon."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.store.rows import fetch_all

_PAGE = sql.SQL("""
SELECT id, at, actor, action, target_type, target_id, before, after FROM audit
WHERE salon_id = %(salon_id)s AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
""")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. None before: it was new; None after: it is gone."""

    id: UUID
    at: datetime
    actor: str
    action: str
    target_type: str
    target_id: str
    before: dict[str, Any] | None  # Any: JSON
    after: dict[str, Any] | None  # Any: JSON


async def audit_page(
    connection: Connection, salon_id: UUID, before: UUID | None, limit: int
) -> list[AuditEntry]:
    """The next entries, newest first."""
    parameters = {"salon_id": salon_id, "before": before, "limit": limit}
    return [AuditEntry(**row) for row in await fetch_all(connection, _PAGE, parameters)]
