"""Guests of salons."""

from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg.rows import class_row

from kursi_identity.domain.guest import Guest


async def lock_salon(connection: Connection, salon_id: UUID) -> None:
    """Make new guests of a salon wait for each other until this transaction ends, so that none slips past the limit."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"guests.salon:{salon_id}"]
    )


async def waiting(connection: Connection, salon_id: UUID, phone_number: str) -> UUID | None:
    """The guest of the salon with this number."""
    cursor = await connection.execute(
        "SELECT id FROM guests WHERE salon_id = %s AND phone_number = %s AND user_id IS NULL",
        [salon_id, phone_number],
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def latest(connection: Connection, salon_id: UUID, most: int) -> list[datetime]:
    """When the newest guests of the salon were made, newest first."""
    cursor = await connection.execute(
        "SELECT created_at FROM guests WHERE salon_id = %s ORDER BY created_at DESC LIMIT %s",
        [salon_id, most],
    )
    return [row[0] for row in await cursor.fetchall()]


async def insert(connection: Connection, guest: Guest) -> None:
    """Keep a new guest."""
    await connection.execute(
        "INSERT INTO guests (id, salon_id, phone_number, language_code, created_at) VALUES (%s, %s, %s, %s, %s)",
        [guest.id, guest.salon_id, guest.phone_number, guest.language_code, guest.created_at],
    )


async def join(connection: Connection, phone_number: str, user_id: UUID) -> list[Guest]:
    """Give the guests with this number to the account, and return them, in the order in which they were made."""
    async with connection.cursor(row_factory=class_row(Guest)) as cursor:
        await cursor.execute(
            """
            WITH joined AS (
                UPDATE guests SET user_id = %s WHERE phone_number = %s AND user_id IS NULL
                RETURNING id, salon_id, phone_number, language_code, created_at
            ) SELECT * FROM joined ORDER BY id
            """,
            [user_id, phone_number],
        )
        return await cursor.fetchall()
