"""Lines of the audit trail, and a way to write one for what is no change of the salon: its version stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.store.rows import Row

Values = Mapping[str, object]

INSERT = sql.SQL("""
INSERT INTO audit (id, at, actor, action, salon_id, target_type, target_id, before, after, address, request_id)
VALUES (uuidv7(), %(at)s, %(actor)s, %(action)s, %(salon_id)s, %(target_type)s, %(target_id)s, %(before)s,
        %(after)s, %(address)s, %(request_id)s)
""")


def line(
    caller: Caller,
    now: datetime,
    action: str,
    target_type: str,
    target_id: UUID,
    *,
    salon_id: UUID | None,
    before: Values | None,
    after: Values | None,
) -> Row:
    """One line for `INSERT`. Without a salon only the platform sees it."""
    return {
        "at": now,
        "actor": caller.actor,
        "action": action,
        "salon_id": salon_id,
        "target_type": target_type,
        "target_id": str(target_id),
        "before": None if before is None else Jsonb(before),
        "after": None if after is None else Jsonb(after),
        "address": caller.address,
        "request_id": caller.request_id,
    }


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes down what a caller does in a transaction."""

    connection: Connection
    caller: Caller
    now: datetime

    async def write(
        self,
        action: str,
        target_type: str,
        target_id: UUID,
        *,
        salon_id: UUID | None,
        before: Values | None,
        after: Values | None,
    ) -> None:
        """Add one line. Without a salon only the platform sees it."""
        added = line(
            self.caller,
            self.now,
            action,
            target_type,
            target_id,
            salon_id=salon_id,
            before=before,
            after=after,
        )
        await self.connection.execute(INSERT, added)
