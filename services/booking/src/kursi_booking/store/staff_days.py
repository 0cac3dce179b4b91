"""What is booked of each staff member on each local day, counted where a choice or a limit depends on it.

A visit counts on the day on which it starts, for everybody who has a part in it, unless it was cancelled or has expired.
A group session is one visit of who leads it, however many seats are taken. Against limits, a visit that is offered to
somebody who waits counts as well: it can be booked at any moment, and is not asked about again then.

Whoever writes a visit under a limit first takes its day, then counts: `without_room` is the one way for all of them. Days
come before all other locks but the turn of a salon, in one order.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.intervals import Interval

from kursi_booking.domain.fair_choice import Load
from kursi_booking.domain.report import LocalDays
from kursi_booking.ports.bookings import DayFull
from kursi_booking.ports.supply import CountedDays, DayCounts, DayRoom

# OFFSET keeps the planner from turning the join around. A plan that was made while the tables were empty, and is kept for
# minutes on every connection, would ask for everybody's parts once for each booking there is.
_VISITS: Final[LiteralString] = """
WITH part AS (
    SELECT i.staff_id, i.booking_id, i.start_at, i.end_at FROM booking_items AS i
    WHERE i.staff_id = ANY (%(staff_ids)s::uuid[])
        AND i.visit_start_at >= %(low)s AND i.visit_start_at < %(high)s
    UNION ALL
    SELECT assistant.id, i.booking_id, i.start_at, i.end_at FROM unnest(%(staff_ids)s::uuid[]) AS assistant (id)
    JOIN booking_items AS i ON i.assistants <> '[]'
        AND i.assistants @> jsonb_build_array(jsonb_build_object('staff_id', assistant.id))
        AND i.visit_start_at >= %(low)s AND i.visit_start_at < %(high)s
), visit AS (
    SELECT part.staff_id, b.id, b.start_at, part.end_at - part.start_at AS busy, b.created_at
    FROM part CROSS JOIN LATERAL (
        SELECT id, start_at, created_at FROM bookings
        WHERE id = part.booking_id AND session_id IS NULL AND state NOT IN ('cancelled', 'expired')
        OFFSET 0
    ) AS b
    UNION ALL
    SELECT s.staff_id, s.id, s.start_at, s.end_at - s.start_at, s.created_at
    FROM sessions AS s
    WHERE s.staff_id = ANY (%(staff_ids)s::uuid[]) AND s.state = 'scheduled'
        AND s.start_at >= %(low)s AND s.start_at < %(high)s
)
"""

LOADS: Final[LiteralString] = f"""
{_VISITS}
SELECT staff_id, round(extract(epoch FROM sum(busy)) / 60)::bigint, max(created_at) FROM visit
GROUP BY staff_id
"""  # noqa: S608 -- put together from constants

# On which of the days that begin at `begins` a visit starts. The database knows zones too, by rules of another year
# perhaps; a day has to be the same to who shows its times and to who counts them.
_DAY: Final[LiteralString] = "%(first)s::date + width_bucket(start_at, %(begins)s::timestamptz[]) - 1"

# A booking that is about to move is in nobody's way, its own included.
_COUNTS: Final[LiteralString] = f"""
{_VISITS}, offered AS (
    SELECT o.id, o.items, to_timestamp((o.items -> 0 ->> 'start_at')::bigint) AS start_at
    FROM waitlist_entries AS e JOIN waitlist_offers AS o ON o.entry_id = e.id AND o.state = 'open'
    WHERE e.salon_id = %(salon_id)s AND e.state = 'offered'
), taken_part AS (
    SELECT start_at, staff_id, id FROM visit
    UNION ALL
    SELECT start_at, (jsonb_path_query(items, '$.**.staff_id') #>> '{{}}')::uuid, id FROM offered
)
SELECT {_DAY}, staff_id, count(DISTINCT id) FROM taken_part
WHERE start_at >= %(low)s AND start_at < %(high)s AND id IS DISTINCT FROM %(own_booking)s::uuid GROUP BY 1, 2
UNION ALL
SELECT {_DAY}, NULL, count(*) FROM (
    SELECT b.start_at FROM bookings AS b
    WHERE b.salon_id = %(salon_id)s AND b.session_id IS NULL AND b.state NOT IN ('cancelled', 'expired')
        AND b.start_at >= %(low)s AND b.start_at < %(high)s AND b.id IS DISTINCT FROM %(own_booking)s::uuid
    UNION ALL
    SELECT s.start_at FROM sessions AS s
    WHERE s.salon_id = %(salon_id)s AND s.state = 'scheduled' AND s.start_at >= %(low)s AND s.start_at < %(high)s
    UNION ALL
    SELECT start_at FROM offered WHERE start_at >= %(low)s AND start_at < %(high)s
) AS begun
GROUP BY 1
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
        wanted = CountedDays(room.salon_id, room.people, (room.day, room.day), room.zone, room.own_booking)
        if not room.is_left(await read_counts(connection, wanted)):
            return position
    return None


async def expect_room(connection: Connection, room: DayRoom | None) -> None:
    """The same for one visit. Raises: DayFull."""
    if await without_room(connection, [room]) is not None:
        raise DayFull


async def read_loads(connection: Connection, staff_ids: Sequence[UUID], during: Interval) -> dict[UUID, Load]:
    """What each of them has that starts then; who has nothing is not there."""
    low, high = (datetime.fromtimestamp(moment, UTC) for moment in during)
    parameters = {"staff_ids": list(staff_ids), "low": low, "high": high}
    cursor = await connection.execute(LOADS, parameters, prepare=True)
    return {staff_id: Load(minutes, last) for staff_id, minutes, last in await cursor.fetchall()}


async def read_counts(connection: Connection, wanted: CountedDays) -> DayCounts:
    """How many visits there are per day, and per staff member and day."""
    days = LocalDays.of(wanted.zone, *wanted.days)
    parameters = {
        "salon_id": wanted.salon_id,
        "staff_ids": list(wanted.staff_ids),
        "first": wanted.days[0],
        "begins": list(days.begins),
        "low": days.begins[0],
        "high": days.end,
        "own_booking": wanted.own_booking,
    }
    cursor = await connection.execute(_COUNTS, parameters, prepare=True)
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
