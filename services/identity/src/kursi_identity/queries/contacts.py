"""How to reach people."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.db.database import Database
from psycopg.rows import class_row

from kursi_identity.domain.errors import UserNotFound
from kursi_identity.domain.user import User


class Contacts:
    """Accounts, seen by the other services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_ids: Sequence[UUID]) -> list[User]:
        """The accounts that exist, in no order. One statement."""
        async with (
            self._database.autocommit() as connection,
            connection.cursor(row_factory=class_row(User)) as cursor,
        ):
            await cursor.execute(
                "SELECT id, phone_number, email, display_name, language_code, time_zone, revision, "
                "created_at, updated_at FROM users WHERE id = ANY (%s)",
                [list(user_ids)],
            )
            return await cursor.fetchall()

    async def one(self, user_id: UUID) -> User:
        """One account. Raises: UserNotFound."""
        found = await self.of([user_id])
        if not found:
            raise UserNotFound
        return found[0]
