"""When salons are open in the coming days, as search filters by it."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.intervals import IntervalSet
from psycopg import sql
from psycopg.types.multirange import TimestamptzMultirange
from psycopg.types.range import TimestamptzRange

from kursi_catalog.domain.schedule import open_time
from kursi_catalog.store.rows import Row, fetch_all
from kursi_catalog.store.schedules import CLOSURES, salon_schedule

AHEAD = timedelta(days=8)
"""A day more than can be asked for, so that one refresh a day is enough."""
_BACK = timedelta(hours=1)
"""Clocks of processes differ a little, and a page token keeps the instant of its first page."""

_HOURS = sql.SQL("""
SELECT s.id, s.time_zone, s.latitude, s.longitude, s.hours, s.seasonal_hours, s.prayer_breaks, {closures}
FROM search_salons f JOIN salons s ON s.id = f.salon_id
WHERE s.id = ANY (%(ids)s)
""").format(closures=sql.SQL(CLOSURES))
# The salon's own lock, so that a change of its hours comes before or after; one that is at work just now looks after
# its salon itself.
_DUE = sql.SQL("""
SELECT s.id FROM salons s
WHERE s.id IN (SELECT f.salon_id FROM search_salons f WHERE f.open_until < %(until)s
               ORDER BY f.open_until LIMIT %(limit)s)
FOR NO KEY UPDATE SKIP LOCKED
""")
_WRITE = "UPDATE search_salons SET open_times = %s, open_until = %s WHERE salon_id = %s"


async def refresh(connection: Connection, salon_ids: Collection[UUID], now: datetime) -> None:
    """Work out anew when these salons are open; those that customers cannot find are passed over."""
    start, end = now - _BACK, now + AHEAD
    rows = await fetch_all(connection, _HOURS, {"ids": list(salon_ids), "start": start, "end": end})
    written = [(_multirange(_open_time(row, start, end)), end, row["id"]) for row in rows]
    async with connection.cursor() as cursor:
        await cursor.executemany(_WRITE, written)


async def lock_due(connection: Connection, until: datetime, limit: int) -> Sequence[UUID]:
    """Some salons whose times are not known until then, locked."""
    rows = await fetch_all(connection, _DUE, {"until": until, "limit": limit})
    return [row["id"] for row in rows]


def _open_time(row: Row, start: datetime, end: datetime) -> IntervalSet:
    salon = salon_schedule(row, (int(start.timestamp()), int(end.timestamp())))
    return open_time(salon, start, end)


def _multirange(intervals: IntervalSet) -> TimestamptzMultirange:
    return TimestamptzMultirange(
        [
            TimestamptzRange(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
            for start, end in intervals
        ]
    )
