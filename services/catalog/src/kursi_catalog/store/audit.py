"""Lines of the audit trail for what is not a change of the salon itself, so that its version stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection
from psycopg.types.json import Jsonb

from kursi_catalog.store.edits import AUDIT


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
        before: Mapping[str, object] | None,
        after: Mapping[str, object] | None,
    ) -> None:
        """Add one line. Without a salon only the platform sees it."""
        await self.connection.execute(
            AUDIT,
            {
                "at": self.now,
                "actor": self.caller.actor,
                "action": action,
                "salon_id": salon_id,
                "target_type": target_type,
                "target_id": str(target_id),
                "before": None if before is None else Jsonb(before),
                "after": None if after is None else Jsonb(after),
                "address": self.caller.address,
                "request_id": self.caller.request_id,
            },
        )
