"""How to reach people."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.db.database import Database
from psycopg.rows import class_row

from kursi_identity.domain.guest import Contact
from kursi_identity.domain.user import User
from kursi_identity.store import users


class Contacts:
    """Accounts and guests, seen by the other services."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, ids: Sequence[UUID]) -> list[Contact]:
        """How to reach the accounts and guests that exist, in no order. One statement.

        A guest that was joined to an account is reached like the account.
        """
        async with (
            self._database.autocommit() as connection,
            connection.cursor(row_factory=class_row(Contact)) as cursor,
        ):
            await cursor.execute(
                """
                SELECT id, phone_number, email, display_name, language_code, time_zone
                FROM users WHERE id = ANY (%(ids)s)
                UNION ALL
                SELECT guest.id, coalesce(account.phone_number, guest.phone_number), account.email,
                       coalesce(account.display_name, ''), coalesce(account.language_code, guest.language_code),
                       coalesce(account.time_zone, '')
                FROM guests guest LEFT JOIN users account ON account.id = guest.user_id
                WHERE guest.id = ANY (%(ids)s)
                """,
                {"ids": list(ids)},
            )
            return await cursor.fetchall()

    async def one(self, user_id: UUID) -> User:
        """One account. Raises: UserNotFound."""
        async with self._database.autocommit() as connection:
            return await users.get(connection, user_id)
