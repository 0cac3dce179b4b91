"""Accounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.db.violations import constraint_errors

from kursi_identity.domain.errors import ContactTaken, UserNotFound
from kursi_identity.domain.user import Profile, User
from kursi_identity.store.rows import fetch_one

COLUMNS: LiteralString = (
    "id, phone_number, email, display_name, language_code, time_zone, revision, created_at, updated_at"
)


async def register(connection: Connection, user: User) -> bool:
    """Make the account; False when the number or address has one already.

    A concurrent first login with the same number waits here for the other one and then finds its account.
    """
    cursor = await connection.execute(
        """
        INSERT INTO users (id, phone_number, email, display_name, language_code, time_zone,
                           revision, created_at, updated_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [
            user.id, user.phone_number, user.email, user.display_name, user.language_code, user.time_zone,
            user.revision, user.created_at, user.updated_at,
        ],
    )  # fmt: skip
    return cursor.rowcount == 1


async def with_phone_number(connection: Connection, phone_number: str) -> User | None:
    """The account that the number belongs to."""
    return await _where(connection, "phone_number = %(value)s", phone_number)


async def with_email(connection: Connection, email: str) -> User | None:
    """The account that the address belongs to."""
    return await _where(connection, "email = %(value)s", email)


async def get(connection: Connection, user_id: UUID) -> User:
    """The account. Raises: UserNotFound."""
    return _found(await _where(connection, "id = %(value)s", user_id))


async def get_for_update(connection: Connection, user_id: UUID) -> User:
    """The account, locked until the transaction ends. Raises: UserNotFound."""
    return _found(await _where(connection, "id = %(value)s FOR NO KEY UPDATE", user_id))


async def set_profile(connection: Connection, user_id: UUID, profile: Profile, now: datetime) -> User:
    """Write name, language and zone as they are given."""
    return await _update(
        connection,
        "display_name = %(display_name)s, language_code = %(language_code)s, time_zone = %(time_zone)s",
        user_id,
        now,
        {
            "display_name": profile.display_name,
            "language_code": profile.language_code,
            "time_zone": profile.time_zone,
        },
    )


async def set_phone_number(connection: Connection, user_id: UUID, phone_number: str, now: datetime) -> User:
    """Give the account a verified number. Raises: ContactTaken when another account has it."""
    _refuse_taken(await with_phone_number(connection, phone_number), user_id)
    with constraint_errors({"users_phone_number_key": lambda _: ContactTaken()}):
        return await _update(
            connection, "phone_number = %(contact)s", user_id, now, {"contact": phone_number}
        )


async def set_email(connection: Connection, user_id: UUID, email: str, now: datetime) -> User:
    """Give the account a verified address. Raises: ContactTaken when another account has it."""
    _refuse_taken(await with_email(connection, email), user_id)
    with constraint_errors({"users_email_key": lambda _: ContactTaken()}):
        return await _update(connection, "email = %(contact)s", user_id, now, {"contact": email})


def _refuse_taken(owner: User | None, user_id: UUID) -> None:
    """Raises: ContactTaken. The constraint decides; but PostgreSQL writes what it refuses into its log, all of it."""
    if owner is not None and owner.id != user_id:
        raise ContactTaken


async def _where(connection: Connection, condition: LiteralString, value: object) -> User | None:
    statement: LiteralString = f"SELECT {COLUMNS} FROM users WHERE {condition}"  # noqa: S608 -- our own literals
    return await fetch_one(connection, User, statement, {"value": value})


async def _update(
    connection: Connection,
    assignments: LiteralString,
    user_id: UUID,
    now: datetime,
    values: Mapping[str, object],
) -> User:
    statement: LiteralString = (
        f"UPDATE users SET {assignments}, revision = revision + 1, updated_at = %(now)s "  # noqa: S608 -- our own literals
        f"WHERE id = %(id)s RETURNING {COLUMNS}"
    )
    return _found(await fetch_one(connection, User, statement, {**values, "id": user_id, "now": now}))


def _found(user: User | None) -> User:
    if user is None:
        raise UserNotFound
    return user
