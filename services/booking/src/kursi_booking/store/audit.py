"""The audit trail: who did what, where no history of a booking, an entry or a session tells it."""

from collections.abc import Mapping
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection
from psycopg.types.json import Jsonb


async def write(
    connection: Connection,
    caller: Caller,
    action: str,
    target_id: UUID,
    *,
    salon_id: UUID | None,
    after: Mapping[str, object],
) -> None:
    """Add one line. An action is named after its target: `calendar_feed.created`."""
    target_type, _, _ = action.partition(".")
    await connection.execute(
        "INSERT INTO audit (actor, action, salon_id, target_type, target_id, after, address, request_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(caller.actor, action, salon_id, target_type, str(target_id)),
            *(Jsonb(after), caller.address, caller.request_id),
        ],
    )
