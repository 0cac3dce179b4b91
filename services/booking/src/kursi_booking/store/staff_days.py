"""What is booked of each staff member day by day; the database counts it with every booking, whoever writes it."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database

from kursi_booking.domain.fair_choice import Load
from kursi_booking.ports import CountedDays, DayCounts, DayRange

_LOADS: Final[LiteralString] = """
SELECT staff_id, sum(minutes)::bigint, max(last_booked_at) FROM staff_days
WHERE staff_id = ANY (%s) AND day BETWEEN %s AND %s GROUP BY staff_id
"""

# A booking that is about to move is in nobody's way, its own included.
_COUNTS: Final[LiteralString] = """
WITH own AS (
    SELECT (min(i.start_at) OVER () AT TIME ZONE b.time_zone)::date AS day, worker.staff_id
    FROM bookings AS b JOIN booking_items AS i ON i.booking_id = b.id
    CROSS JOIN LATERAL (
        SELECT i.staff_id UNION ALL SELECT (one ->> 'staff_id')::uuid FROM jsonb_array_elements(i.assistants) AS one
    ) AS worker
    WHERE b.id = %(own_booking)s::uuid AND b.state NOT IN ('cancelled', 'expired')
)
SELECT d.day, NULL::uuid, sum(d.visits_begun)::bigint - (SELECT count(DISTINCT day) FROM own WHERE own.day = d.day)
FROM staff_days AS d WHERE d.salon_id = %(salon_id)s AND d.day BETWEEN %(first)s AND %(last)s GROUP BY d.day
UNION ALL
SELECT d.day, d.staff_id, d.visits - (EXISTS (SELECT FROM own WHERE own.day = d.day AND own.staff_id = d.staff_id))::int
FROM staff_days AS d WHERE d.staff_id = ANY (%(staff_ids)s) AND d.day BETWEEN %(first)s AND %(last)s
"""


async def read_loads(connection: Connection, staff_ids: Sequence[UUID], days: DayRange) -> dict[UUID, Load]:
    """What each of them has on these days; who has nothing is not there."""
    cursor = await connection.execute(_LOADS, [list(staff_ids), *days])
    return {staff_id: Load(minutes, last) for staff_id, minutes, last in await cursor.fetchall()}


async def read_counts(connection: Connection, wanted: CountedDays) -> DayCounts:
    """How many visits there are per day, and per staff member and day."""
    parameters = {
        "salon_id": wanted.salon_id,
        "staff_ids": list(wanted.staff_ids),
        "first": wanted.days[0],
        "last": wanted.days[1],
        "own_booking": wanted.own_booking,
    }
    cursor = await connection.execute(_COUNTS, parameters)
    rows = await cursor.fetchall()
    return DayCounts(
        by_day={day: visits for day, staff_id, visits in rows if staff_id is None},
        by_staff_day={(staff_id, day): visits for day, staff_id, visits in rows if staff_id is not None},
    )


class CountedStaffDays:
    """See `kursi_booking.ports.StaffDays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, wanted: CountedDays) -> DayCounts:
        """How many visits there are per day, and per staff member and day."""
        async with self._database.reading() as connection:
            return await read_counts(connection, wanted)
