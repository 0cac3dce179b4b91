"""Claims on people and things: how they are taken, and in which order.

Every writer takes claims sorted by resource and time with ON CONFLICT DO NOTHING, and counts what it got. Two writers
with one claim each cannot wait for each other. With several claims, and when old claims are given up for new ones, a
circle would be possible; those writers first take one lock per resource and UTC day, sorted, for all that they touch.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, timedelta
from hashlib import blake2b
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.state import OCCUPYING
from kursi_booking.domain.time_range import TimeRange

TAKE_LOCKS: Final[LiteralString] = """
SELECT pg_advisory_xact_lock(key) FROM unnest(%(lock_keys)s::bigint[]) AS key
"""
"""Waits for the locks of `lock_keys`, in their order, and keeps them until the transaction ends."""

CLAIM_ROWS: Final[LiteralString] = """
unnest(%(claim_resources)s::uuid[], %(claim_starts)s::timestamptz[], %(claim_ends)s::timestamptz[])
    WITH ORDINALITY AS claim (resource_id, start_at, end_at, number)
"""
"""The claims of `claim_parameters` as rows, to be inserted in the order of `claim.number`."""

INSERT_CLAIMS: Final[LiteralString] = f"""
INSERT INTO claims (booking_id, resource_id, during, state, expires_at)
SELECT %(id)s, claim.resource_id, tstzrange(claim.start_at, claim.end_at), %(claim_state)s, %(hold_expire_at)s::timestamptz
FROM {CLAIM_ROWS}
"""  # noqa: S608 -- put together from constants
"""Takes claims of a booking; joins and conditions, the order by `claim.number` and ON CONFLICT DO NOTHING follow."""


def claim_parameters(claims: Sequence[Claim]) -> dict[str, object]:
    """What `CLAIM_ROWS` needs; `INSERT_CLAIMS` also needs the booking's parameters and `claim_state`. The claims come sorted."""
    return {
        "claim_resources": _array(str(claim.resource_id) for claim in claims),
        "claim_starts": _array(claim.during.start.isoformat() for claim in claims),
        "claim_ends": _array(claim.during.end.isoformat() for claim in claims),
    }


def _array(values: Iterable[str]) -> str:
    """An array as PostgreSQL writes it, of values that need no quotes. The driver takes ten times as long for a list."""
    return f"{{{','.join(values)}}}"


async def read_claims(connection: Connection, condition: LiteralString, holder_id: UUID) -> tuple[Claim, ...]:
    """The claims that fit a condition on who has them, sorted as they are taken."""
    cursor = await connection.execute(
        "SELECT resource_id, lower(during), upper(during) FROM claims "  # noqa: S608 -- put together from constants
        f"WHERE {condition} ORDER BY resource_id, during",
        [holder_id],
    )
    return tuple(Claim(unit_id, TimeRange(start, end)) for unit_id, start, end in await cursor.fetchall())


def claim_state(booking: Booking) -> str:
    """The state of the booking's claims."""
    return booking.state.value if booking.state in OCCUPYING else "released"


def lock_keys(claims: Sequence[Claim]) -> list[int]:
    """One key per resource and UTC day that the claims touch, sorted.

    Two resources may share a key; then their writers wait for each other without need, and nothing worse.
    """
    return sorted({key for claim in claims for key in _keys(claim)})


def _keys(claim: Claim) -> list[int]:
    first = claim.during.start.astimezone(UTC).date()
    last = (claim.during.end - timedelta(microseconds=1)).astimezone(UTC).date()
    days = [first.toordinal() + number for number in range((last - first).days + 1)]
    return [
        int.from_bytes(
            blake2b(claim.resource_id.bytes + day.to_bytes(4, "big"), digest_size=8).digest(),
            "big",
            signed=True,
        )
        for day in days
    ]
