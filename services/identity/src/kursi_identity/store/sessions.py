"""Sessions and refresh tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection

from kursi_identity.domain.session import Session
from kursi_identity.store.rows import fetch_all, fetch_one

COLUMNS: LiteralString = "id, user_id, device_label, created_at, auth_at, last_used_at, expires_at"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it was found, with the end of its session if that came early."""

    session_id: UUID
    user_id: UUID
    expires_at: datetime
    spent_at: datetime | None
    session_revoked_at: datetime | None


async def insert(connection: Connection, session: Session) -> None:
    """Begin a session."""
    await connection.execute(
        """
        INSERT INTO sessions (id, user_id, device_label, created_at, auth_at, last_used_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [
            session.id, session.user_id, session.device_label, session.created_at, session.auth_at,
            session.last_used_at, session.expires_at,
        ],
    )  # fmt: skip


async def insert_refresh_token(
    connection: Connection, token_hash: bytes, session_id: UUID, *, now: datetime, expires_at: datetime
) -> None:
    """Let the session be renewed with this token."""
    await connection.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
        [token_hash, session_id, now, expires_at],
    )


async def find_refresh_token(connection: Connection, token_hash: bytes) -> RefreshToken | None:
    """The token, locked together with its session until the transaction ends.

    Refreshes, logouts and revocations of one session go one after the other: none can give out a token for a
    session that another is ending.
    """
    return await fetch_one(
        connection,
        RefreshToken,
        """
        SELECT token.session_id, session.user_id, token.expires_at, token.spent_at,
               session.revoked_at AS session_revoked_at
        FROM refresh_tokens token JOIN sessions session ON session.id = token.session_id
        WHERE token.token_hash = %(hash)s
        FOR NO KEY UPDATE
        """,
        {"hash": token_hash},
    )


async def spend_refresh_token(connection: Connection, token_hash: bytes, now: datetime) -> None:
    """The token was used; a later use starts no new grace."""
    await connection.execute(
        "UPDATE refresh_tokens SET spent_at = %s WHERE token_hash = %s AND spent_at IS NULL",
        [now, token_hash],
    )


async def touch(connection: Connection, session_id: UUID, now: datetime) -> Session | None:
    """Note that the session is used; None when it has ended."""
    return await _update_live(connection, "last_used_at = %(now)s", session_id, now)


async def renew_presence(connection: Connection, session_id: UUID, now: datetime) -> Session | None:
    """Note that the person is present; None when the session has ended."""
    return await _update_live(connection, "last_used_at = %(now)s, auth_at = %(now)s", session_id, now)


async def revoke(connection: Connection, user_id: UUID, session_id: UUID, now: datetime) -> bool:
    """End one session of the user; False when there is no such live one."""
    cursor = await connection.execute(
        "UPDATE sessions SET revoked_at = %(now)s "
        "WHERE id = %(id)s AND user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s",
        {"now": now, "id": session_id, "user": user_id},
    )
    return cursor.rowcount == 1


async def revoke_all(
    connection: Connection, user_id: UUID, now: datetime, *, but_newest: int = 0
) -> list[UUID]:
    """End the user's sessions, all but the newest so many, and say which.

    A session that somebody else ends meanwhile is chosen below all the same; looked at again once its row is
    free, it is not ended a second time.
    """
    cursor = await connection.execute(
        """
        UPDATE sessions SET revoked_at = %(now)s
        WHERE revoked_at IS NULL AND id IN (
            SELECT id FROM sessions WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s
            ORDER BY created_at DESC, id DESC OFFSET %(kept)s
        )
        RETURNING id
        """,
        {"now": now, "user": user_id, "kept": but_newest},
    )
    return [row[0] for row in await cursor.fetchall()]


async def live(connection: Connection, user_id: UUID, now: datetime) -> list[Session]:
    """The user's sessions, newest first."""
    return await fetch_all(
        connection,
        Session,
        f"SELECT {COLUMNS} FROM sessions "  # noqa: S608 -- our own literals
        "WHERE user_id = %(user)s AND revoked_at IS NULL AND expires_at > %(now)s "
        "ORDER BY created_at DESC, id DESC",
        {"user": user_id, "now": now},
    )


async def prune(connection: Connection, before: datetime) -> int:
    """Delete at most 5000 refresh tokens of sessions that ended before, or as many sessions that have none any more, and say
    how many. A statement that deletes a session with all its tokens may have more to do than it has time for.
    """
    cursor = await connection.execute(
        """
        DELETE FROM refresh_tokens WHERE token_hash IN (
            SELECT token.token_hash FROM (
                SELECT id FROM sessions WHERE expires_at < %(before)s OR revoked_at < %(before)s LIMIT 5000
            ) AS ended JOIN refresh_tokens token ON token.session_id = ended.id LIMIT 5000
        )
        """,
        {"before": before},
    )
    if cursor.rowcount:
        return cursor.rowcount
    cursor = await connection.execute(
        """
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions
            WHERE (expires_at < %(before)s OR revoked_at < %(before)s)
              AND NOT EXISTS (SELECT FROM refresh_tokens token WHERE token.session_id = sessions.id)
            LIMIT 5000
        )
        """,
        {"before": before},
    )
    return cursor.rowcount


async def prune_refresh_tokens(connection: Connection, before: datetime) -> int:
    """Delete at most 5000 refresh tokens that expired before, and say how many; afterwards they are unknown."""
    cursor = await connection.execute(
        """
        DELETE FROM refresh_tokens WHERE token_hash IN (
            SELECT token_hash FROM refresh_tokens WHERE expires_at < %(before)s ORDER BY expires_at LIMIT 5000
        )
        """,
        {"before": before},
    )
    return cursor.rowcount


async def _update_live(
    connection: Connection, assignments: LiteralString, session_id: UUID, now: datetime
) -> Session | None:
    statement: LiteralString = (
        f"UPDATE sessions SET {assignments} "  # noqa: S608 -- our own literals
        "WHERE id = %(id)s AND revoked_at IS NULL AND expires_at > %(now)s "
        f"RETURNING {COLUMNS}"
    )
    return await fetch_one(connection, Session, statement, {"id": session_id, "now": now})
