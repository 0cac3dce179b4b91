"""The claims that are in the way, as rows to be told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Database

from kursi_booking.domain.closing import Row, RowType
from kursi_booking.ports.explaining import UnitSpan

# The same claims that keep somebody busy in lists of free times; the lateral join makes the index on
# (resource_id, during) do both halves of the search.
_FIRST_CLAIMS = """
SELECT asked.position, met.id, met.booking_id, met.first, met.last
FROM unnest(%(unit_ids)s::uuid[], %(starts)s::bigint[], %(ends)s::bigint[])
    WITH ORDINALITY AS asked (unit_id, start, "end", position)
CROSS JOIN LATERAL (
    SELECT id, booking_id, floor(date_part('epoch', lower(during)))::bigint AS first,
        ceil(date_part('epoch', upper(during)))::bigint AS last
    FROM claims
    WHERE resource_id = asked.unit_id
        AND during && tstzrange(to_timestamp(asked.start), to_timestamp(asked."end"))
        AND state <> 'released'
        AND (expires_at IS NULL OR expires_at > %(now)s)
    ORDER BY lower(during)
    LIMIT 1
) AS met
"""


class FirstClaims:
    """Which claim takes a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, spans: Sequence[UnitSpan], now: datetime) -> Sequence[Row | None]:
        """The first claim that meets each span; a hold that is over is none."""
        parameters = {
            "unit_ids": [one.unit_id for one in spans],
            "starts": [one.span[0] for one in spans],
            "ends": [one.span[1] for one in spans],
            "now": now,
        }
        async with self._database.reading() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(_FIRST_CLAIMS, parameters)
            found = {row[0]: row[1:] for row in await cursor.fetchall()}
        return [
            _row(*found[position]) if position in found else None for position in range(1, len(spans) + 1)
        ]


def _row(claim_id: UUID, booking_id: UUID | None, first: int, last: int) -> Row:
    kind = RowType.BLOCKED_TIME if booking_id is None else RowType.BOOKING
    return Row(kind, str(booking_id or claim_id), during=(first, last))
