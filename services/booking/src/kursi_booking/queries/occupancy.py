"""Who and what is taken, in one statement however many are asked about."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.intervals import Interval

from kursi_booking.ports.supply import Taken, Wanted

# Whole seconds as one array per resource: no datetime and no range is ever built, and the lateral join makes the
# index on (resource_id, during) do both halves of the search. The last row is the customer's counter. The ids stand in a
# subquery so that the planner cannot count them: for a single one it would plan anew each time, which takes as long as
# the whole search.
_OCCUPANCY = """
SELECT unit.position, claimed.starts, claimed.ends
FROM unnest((SELECT %(unit_ids)s::uuid[])) WITH ORDINALITY AS unit (id, position)
CROSS JOIN LATERAL (
    SELECT array_agg(floor(date_part('epoch', lower(during)))::bigint) AS starts,
           array_agg(ceil(date_part('epoch', upper(during)))::bigint) AS ends
    FROM claims
    WHERE resource_id = unit.id
        AND during && tstzrange(to_timestamp(%(start)s), to_timestamp(%(end)s))
        AND state <> 'released'
        AND (expires_at IS NULL OR expires_at > %(now)s)
        AND (%(own_booking)s::uuid IS NULL OR booking_id IS DISTINCT FROM %(own_booking)s::uuid)
) AS claimed
WHERE claimed.starts IS NOT NULL
UNION ALL
SELECT 0, ARRAY[active - (SELECT count(*) FROM bookings
                          WHERE id = %(own_booking)s::uuid AND customer_id = %(customer_id)s::uuid
                              AND state IN ('held', 'pending', 'confirmed', 'checked_in'))], NULL
FROM customer_counters
WHERE salon_id = %(salon_id)s AND customer_id = %(customer_id)s::uuid
"""


class ClaimedTimes:
    """What the claims and the counters say now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, wanted: Wanted) -> Taken:
        """What keeps these people and things busy now; a hold that is over does not."""
        async with self._database.reading() as connection:
            return await self.read_on(connection, wanted)

    @staticmethod
    async def read_on(connection: Connection, wanted: Wanted) -> Taken:
        """The same on a connection of the caller's."""
        start, end = wanted.during
        parameters = {
            "unit_ids": list(wanted.unit_ids),
            "start": start,
            "end": end,
            "now": wanted.now,
            "own_booking": wanted.own_booking,
            "salon_id": wanted.salon_id,
            "customer_id": wanted.customer_id,
        }
        async with connection.cursor(binary=True) as cursor:
            await cursor.execute(_OCCUPANCY, parameters, prepare=True)
            return _taken(wanted.unit_ids, await cursor.fetchall())


def _taken(unit_ids: Sequence[UUID], rows: Sequence[tuple[int, list[int], list[int]]]) -> Taken:
    busy: dict[UUID, Sequence[Interval]] = {}
    active = 0
    for position, starts, ends in rows:
        if position:
            busy[unit_ids[position - 1]] = list(zip(starts, ends, strict=True))
        else:
            (active,) = starts
    return Taken(busy, active)
