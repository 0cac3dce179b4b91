"""What is booked of each staff member on each local day, counted where a choice or a limit depends on it.

A visit counts on the day on which it starts, for everybody who has a part in it, unless it was cancelled or has expired.
A group session is one visit of who leads it, however many seats are taken.
"""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database

from kursi_booking.domain.fair_choice import Load
from kursi_booking.ports.supply import CountedDays, DayCounts, DayRange

# The window in UTC reaches a day further to both sides than any local day; the local date then decides.
_VISITS: Final[LiteralString] = """
WITH span AS (
    SELECT (%(first)s::date - 1)::timestamptz AS low, (%(last)s::date + 2)::timestamptz AS high
), part AS (
    SELECT i.staff_id, i.booking_id, i.start_at, i.end_at FROM booking_items AS i
    WHERE i.staff_id = ANY (%(staff_ids)s::uuid[])
        AND i.visit_start_at >= (SELECT low FROM span) AND i.visit_start_at < (SELECT high FROM span)
    UNION ALL
    SELECT assistant.id, i.booking_id, i.start_at, i.end_at FROM unnest(%(staff_ids)s::uuid[]) AS assistant (id)
    JOIN booking_items AS i ON i.assistants <> '[]'
        AND i.assistants @> jsonb_build_array(jsonb_build_object('staff_id', assistant.id))
        AND i.visit_start_at >= (SELECT low FROM span) AND i.visit_start_at < (SELECT high FROM span)
), visit AS (
    SELECT part.staff_id, b.id, (b.start_at AT TIME ZONE b.time_zone)::date AS day, part.end_at - part.start_at AS busy,
           b.created_at
    FROM part JOIN bookings AS b ON b.id = part.booking_id
    WHERE b.session_id IS NULL AND b.state NOT IN ('cancelled', 'expired')
    UNION ALL
    SELECT s.staff_id, s.id, (s.start_at AT TIME ZONE s.time_zone)::date, s.end_at - s.start_at, s.created_at
    FROM sessions AS s
    WHERE s.staff_id = ANY (%(staff_ids)s::uuid[]) AND s.state = 'scheduled'
        AND s.start_at >= (SELECT low FROM span) AND s.start_at < (SELECT high FROM span)
)
"""

_LOADS: Final[LiteralString] = f"""
{_VISITS}
SELECT staff_id, round(extract(epoch FROM sum(busy)) / 60)::bigint, max(created_at) FROM visit
WHERE day BETWEEN %(first)s AND %(last)s GROUP BY staff_id
"""  # noqa: S608 -- put together from constants

# A booking that is about to move is in nobody's way, its own included.
_COUNTS: Final[LiteralString] = f"""
{_VISITS}
SELECT day, staff_id, count(DISTINCT id) FROM visit
WHERE day BETWEEN %(first)s AND %(last)s AND id IS DISTINCT FROM %(own_booking)s::uuid GROUP BY day, staff_id
UNION ALL
SELECT day, NULL, count(*) FROM (
    SELECT (b.start_at AT TIME ZONE b.time_zone)::date AS day FROM bookings AS b
    WHERE b.salon_id = %(salon_id)s AND b.session_id IS NULL AND b.state NOT IN ('cancelled', 'expired')
        AND b.start_at >= (SELECT low FROM span) AND b.start_at < (SELECT high FROM span)
        AND b.id IS DISTINCT FROM %(own_booking)s::uuid
    UNION ALL
    SELECT (s.start_at AT TIME ZONE s.time_zone)::date FROM sessions AS s
    WHERE s.salon_id = %(salon_id)s AND s.state = 'scheduled'
        AND s.start_at >= (SELECT low FROM span) AND s.start_at < (SELECT high FROM span)
) AS begun
WHERE day BETWEEN %(first)s AND %(last)s GROUP BY day
"""  # noqa: S608 -- put together from constants


async def read_loads(connection: Connection, staff_ids: Sequence[UUID], days: DayRange) -> dict[UUID, Load]:
    """What each of them has on these days; who has nothing is not there."""
    parameters = {"staff_ids": list(staff_ids), "first": days[0], "last": days[1]}
    cursor = await connection.execute(_LOADS, parameters)
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
    """See `kursi_booking.ports.supply.StaffDays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, wanted: CountedDays) -> DayCounts:
        """How many visits there are per day, and per staff member and day."""
        async with self._database.reading() as connection:
            return await read_counts(connection, wanted)
