"""Code requests: how often somebody asked, and what became of each."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection

from kursi_identity.domain.otp import Channel, Purpose


@dataclass(frozen=True, slots=True)
class OtpRequest:
    """A code that was asked for. `user_id` and `session_id` are those of whom VERIFY and STEP_UP are bound to.

    `network` is what stands in the column `address`: the network that the client is counted by.
    """

    id: UUID
    purpose: Purpose
    channel: Channel
    destination: str
    network: str
    user_id: UUID | None
    session_id: UUID | None
    code_hash: bytes
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One guess that was counted; the request it was made at."""

    purpose: Purpose
    channel: Channel
    destination: str
    user_id: UUID | None
    session_id: UUID | None
    code_hash: bytes
    attempts: int


async def lock_destination(connection: Connection, destination: str) -> None:
    """Make requests for one number or address wait for each other until this transaction ends."""
    await _lock(connection, "otp.destination", destination)


async def lock_network(connection: Connection, network: str) -> None:
    """Make requests from one network wait for each other. Taken after `lock_destination`, always."""
    await _lock(connection, "otp.address", network)


async def latest_for_destination(connection: Connection, destination: str, most: int) -> list[datetime]:
    """When codes were last sent there, newest first; those that no provider took do not count."""
    cursor = await connection.execute(
        "SELECT created_at FROM otp_requests WHERE destination = %s AND state <> 'unsent' "
        "ORDER BY created_at DESC LIMIT %s",
        [destination, most],
    )
    return [row[0] for row in await cursor.fetchall()]


async def latest_from_network(connection: Connection, network: str, most: int) -> list[datetime]:
    """When codes were last asked for from there, newest first."""
    cursor = await connection.execute(
        "SELECT created_at FROM otp_requests WHERE address = %s ORDER BY created_at DESC LIMIT %s",
        [network, most],
    )
    return [row[0] for row in await cursor.fetchall()]


async def count_for_country(connection: Connection, calling_code: str, now: datetime, ceiling: int) -> bool:
    """Count a code to a country; False, and nothing counted, when its ceiling of the day is reached.

    The row is locked until the transaction ends, so this comes last in it.
    """
    cursor = await connection.execute(
        """
        INSERT INTO otp_daily_counts AS counted (calling_code, day, requests)
        SELECT %(code)s, %(day)s, 1 WHERE %(ceiling)s > 0
        ON CONFLICT (calling_code, day) DO UPDATE SET requests = counted.requests + 1
        WHERE counted.requests < %(ceiling)s
        """,
        {"code": calling_code, "day": now.astimezone(UTC).date(), "ceiling": ceiling},
    )
    return cursor.rowcount == 1


async def insert(connection: Connection, request: OtpRequest) -> None:
    """Keep a request, still to be sent."""
    await connection.execute(
        """
        INSERT INTO otp_requests (id, purpose, channel, destination, address, user_id, session_id,
                                  code_hash, created_at, expires_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            request.id, request.purpose.value, request.channel.value, request.destination, request.network,
            request.user_id, request.session_id, request.code_hash, request.created_at, request.expires_at,
        ],
    )  # fmt: skip


async def mark_unsent(connection: Connection, request_id: UUID) -> None:
    """Every provider refused the code: it counts for no limit of its number, and cannot be used."""
    await connection.execute("UPDATE otp_requests SET state = 'unsent' WHERE id = %s", [request_id])


async def count_attempt(
    connection: Connection, request_id: UUID, caller: Caller, *, now: datetime, most: int
) -> Attempt | None:
    """Count one guess; None, and nothing counted, when the request is unknown, expired, used, burnt, or bound
    to another session than the caller's.

    The row stays locked until the transaction ends: concurrent guesses wait here and then see what the one
    before them did, so that neither the limit nor the one success can be overrun.
    """
    cursor = await connection.execute(
        """
        UPDATE otp_requests SET attempts = attempts + 1
        WHERE id = %(id)s AND state <> 'unsent' AND used_at IS NULL AND expires_at > %(now)s
          AND attempts < %(most)s
          AND (user_id IS NULL OR user_id = %(user)s AND session_id = %(session)s)
        RETURNING purpose, channel, destination, user_id, session_id, code_hash, attempts
        """,
        {
            "id": request_id,
            "now": now,
            "most": most,
            "user": caller.user_id,
            "session": caller.session_id,
        },
    )
    row = await cursor.fetchone()
    return Attempt(Purpose(row[0]), Channel(row[1]), *row[2:]) if row else None


async def is_bound_elsewhere(connection: Connection, request_id: UUID, caller: Caller) -> bool:
    """Whether the code only counts with the token of another session than the caller's."""
    cursor = await connection.execute(
        "SELECT 1 FROM otp_requests WHERE id = %s AND session_id IS DISTINCT FROM %s AND session_id IS NOT NULL",
        [request_id, caller.session_id],
    )
    return await cursor.fetchone() is not None


async def mark_used(connection: Connection, request_id: UUID, now: datetime) -> None:
    """The code was right: it works no second time."""
    await connection.execute("UPDATE otp_requests SET used_at = %s WHERE id = %s", [now, request_id])


async def prune(connection: Connection, before: datetime) -> int:
    """Delete at most 5000 requests from before, and say how many; nothing looks that far back."""
    await connection.execute("DELETE FROM otp_daily_counts WHERE day < %s", [before.date()])
    cursor = await connection.execute(
        "DELETE FROM otp_requests WHERE id IN (SELECT id FROM otp_requests WHERE created_at < %s LIMIT 5000)",
        [before],
    )
    return cursor.rowcount


async def _lock(connection: Connection, kind: str, what: str) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{kind}:{what}"])
