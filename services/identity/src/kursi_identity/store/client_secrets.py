"""How many wrong secrets came for a service from an address, by the minute."""

from datetime import datetime

from kursi_chassis.db.database import Connection


async def count_wrong(connection: Connection, client: str, address: str, window: datetime, most: int) -> bool:
    """Count a wrong secret; False, and nothing counted, when there were `most` of them already.

    The row stays locked until the transaction ends, so that guesses at the same instant do not pass the limit together.
    """
    cursor = await connection.execute(
        """
        INSERT INTO wrong_client_secrets AS counted (client, address, window_start, attempts)
        VALUES (%(client)s, %(address)s, %(window)s, 1)
        ON CONFLICT (client, address, window_start) DO UPDATE SET attempts = counted.attempts + 1
        WHERE counted.attempts < %(most)s
        """,
        {"client": client, "address": address, "window": window, "most": most},
    )
    return cursor.rowcount == 1


async def has_room(connection: Connection, client: str, address: str, window: datetime, most: int) -> bool:
    """Whether fewer than `most` were counted."""
    cursor = await connection.execute(
        """
        SELECT 1 FROM wrong_client_secrets
        WHERE client = %s AND address = %s AND window_start = %s AND attempts >= %s
        """,
        [client, address, window, most],
    )
    return await cursor.fetchone() is None


async def prune(connection: Connection, before: datetime) -> int:
    """Delete what is from before, and say how much."""
    cursor = await connection.execute("DELETE FROM wrong_client_secrets WHERE window_start < %s", [before])
    return cursor.rowcount
