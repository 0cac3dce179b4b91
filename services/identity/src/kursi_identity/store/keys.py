"""Signing keys."""

from datetime import datetime

from kursi_chassis.db.database import Connection
from psycopg.types.json import Jsonb

from kursi_identity.domain.keys import KeyState, SigningKey


async def lock(connection: Connection) -> None:
    """Make rotations wait for each other until this transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('signing_keys', 0))")


async def usable(connection: Connection, now: datetime) -> list[SigningKey]:
    """The keys that sign or may still verify."""
    cursor = await connection.execute(
        "SELECT kid, state, public_jwk, private_key, created_at, activated_at FROM signing_keys "
        "WHERE state <> 'retired' OR verify_until > %s",
        [now],
    )
    return [SigningKey(row[0], KeyState(row[1]), *row[2:]) for row in await cursor.fetchall()]


async def insert(connection: Connection, key: SigningKey) -> None:
    """Keep a new key, which is to be published and does not sign yet."""
    await connection.execute(
        "INSERT INTO signing_keys (kid, state, public_jwk, private_key, created_at) VALUES (%s, %s, %s, %s, %s)",
        [key.kid, key.state.value, Jsonb(dict(key.public_jwk)), key.private_key, key.created_at],
    )


async def retire_active(connection: Connection, verify_until: datetime) -> None:
    """The key that signs stops doing so; its private half is forgotten."""
    await connection.execute(
        "UPDATE signing_keys SET state = 'retired', private_key = NULL, verify_until = %s WHERE state = 'active'",
        [verify_until],
    )


async def activate_next(connection: Connection, now: datetime) -> None:
    """The published key begins to sign."""
    await connection.execute(
        "UPDATE signing_keys SET state = 'active', activated_at = %s WHERE state = 'next'", [now]
    )


async def prune(connection: Connection, now: datetime) -> None:
    """Delete retired keys that no living token was signed with."""
    await connection.execute("DELETE FROM signing_keys WHERE state = 'retired' AND verify_until < %s", [now])
