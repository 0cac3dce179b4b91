"""What is booked of each staff member on each local day, counted where a choice or a limit depends on it.

A visit counts on the day on which it starts, for everybody who has a part in it, unless it was cancelled or has expired.
A group session is one visit of who leads it, however many seats are taken. Against limits, a visit that is offered to
somebody who waits counts as well: it can be booked at any moment, and is not asked about again then.

Whoever writes a visit under a limit first takes its day, then counts: `without_room` is the one way for all of them. Days
come before all other locks but the turn of a salon, in one order.
"""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database

from kursi_booking.domain.fair_choice import Load
from kursi_booking.ports.bookings import DayFull
from kursi_booking.ports.supply import CountedDays, DayCounts, DayRange, DayRoom

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
{_VISITS}, offered AS (
    SELECT o.id, o.items, (to_timestamp((o.items -> 0 ->> 'start_at')::bigint) AT TIME ZONE e.time_zone)::date AS day
    FROM waitlist_entries AS e JOIN waitlist_offers AS o ON o.entry_id = e.id AND o.state = 'open'
    WHERE e.salon_id = %(salon_id)s AND e.state = 'offered'
), taken_part AS (
    SELECT day, staff_id, id FROM visit
    UNION ALL
    SELECT day, (jsonb_path_query(items, '$.**.staff_id') #>> '{{}}')::uuid, id FROM offered
)
SELECT day, staff_id, count(DISTINCT id) FROM taken_part
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
    UNION ALL
    SELECT day FROM offered
) AS begun
WHERE day BETWEEN %(first)s AND %(last)s GROUP BY day
"""  # noqa: S608 -- put together from constants


# The keys are sorted, so that two who need several days do not wait in a circle.
_TAKE_DAYS: Final[LiteralString] = """
SELECT pg_advisory_xact_lock(7, key)
FROM (SELECT DISTINCT hashtext(place) AS key FROM unnest(%s::text[]) AS place ORDER BY key) AS keys
"""


async def without_room(connection: Connection, rooms: Sequence[DayRoom | None]) -> int | None:
    """The position of the first visit whose day has no room for it. Nobody else fills these days until this transaction
    ends: who waited here counts in a statement after, and sees what was written meanwhile.
    """
    limited = [(position, room) for position, room in enumerate(rooms) if room is not None]
    if limited:
        await connection.execute(_TAKE_DAYS, [[f"{room.salon_id} {room.day}" for _, room in limited]])
    for position, room in limited:
        wanted = CountedDays(room.salon_id, room.people, (room.day, room.day), room.own_booking)
        if not room.is_left(await read_counts(connection, wanted)):
            return position
    return None


async def expect_room(connection: Connection, room: DayRoom | None) -> None:
    """The same for one visit. Raises: DayFull."""
    if await without_room(connection, [room]) is not None:
        raise DayFull


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
