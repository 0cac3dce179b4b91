"""Holds whose time has come, by hundreds."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event

from kursi_booking.domain.booking import Booking, Change
from kursi_booking.ports.holds import HoldBatch
from kursi_booking.store.rows import history_parameters, read_bookings
from kursi_booking.store.seats import move_seats

# Both walk the partial index on the expiry of held bookings and nothing else.
NEXT_DUE: Final[LiteralString] = "SELECT min(hold_expire_at) FROM bookings WHERE state = 'held'"
LOCK_DUE: Final[LiteralString] = """
SELECT id FROM bookings WHERE state = 'held' AND hold_expire_at <= %s
ORDER BY hold_expire_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

# All of a batch expire alike: one actor, one moment. Counters before claims, as all who take or give up a time, and in
# one order. A counter is found again by its key: a row version that somebody else made while this waited for it is not
# in the statement's snapshot, and would not be found by its place.
EXPIRE: Final[LiteralString] = """
WITH counters AS MATERIALIZED (
    SELECT c.salon_id, c.customer_id, gone.number
    FROM customer_counters AS c
    JOIN (SELECT salon_id, customer_id, count(*) AS number FROM bookings WHERE id = ANY (%(ids)s) GROUP BY 1, 2)
        AS gone USING (salon_id, customer_id)
    ORDER BY c.salon_id, c.customer_id FOR UPDATE OF c
), counted AS (
    UPDATE customer_counters AS c SET active = c.active - counters.number
    FROM counters WHERE (c.salon_id, c.customer_id) = (counters.salon_id, counters.customer_id)
), expired AS (
    UPDATE bookings SET state = %(to_state)s, hold_expire_at = NULL, revision = revision + 1, updated_at = %(at)s,
        refund_due_minor = paid_minor, payment_state = CASE paid_minor WHEN 0 THEN payment_state ELSE 'refund_due' END
    WHERE id = ANY (%(ids)s) AND (SELECT count(*) FROM counters) >= 0
    RETURNING id, revision
), released AS (
    UPDATE claims SET state = 'released', expires_at = NULL
    FROM expired WHERE claims.booking_id = expired.id
)
INSERT INTO booking_history (booking_id, revision, action, actor, at, from_state, to_state, reason)
SELECT id, revision, %(action)s, %(actor)s, %(at)s, %(from_state)s, %(to_state)s, %(reason)s FROM expired
"""


class DueHoldsInDatabase:
    """See `kursi_booking.ports.holds.DueHolds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next_due(self) -> datetime | None:
        """When the next hold ends; None when nothing is held."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(NEXT_DUE)
            row = await cursor.fetchone()
        return row[0] if row else None

    @asynccontextmanager
    async def take(self, now: datetime, most: int) -> AsyncIterator[HoldBatch]:
        """Holds that are over, locked until the block ends; those that somebody else has in hand are left to them."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(LOCK_DUE, [now, most])
            ids = [booking_id for (booking_id,) in await cursor.fetchall()]
            yield _LockedHolds(connection, await read_bookings(connection, ids) if ids else [])


class _LockedHolds:
    """See `kursi_booking.ports.holds.HoldBatch`."""

    def __init__(self, connection: Connection, bookings: Sequence[Booking]) -> None:
        self._connection = connection
        self.bookings = bookings

    async def save_expired(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write all at once: rows, counters, claims, history and events."""
        entry = next(change.entry for change in changes if change.entry is not None)
        ids = [change.booking.booking_id for change in changes]
        await self._connection.execute(EXPIRE, {"ids": ids, **history_parameters(entry)})
        await outbox.append_many(self._connection, events)
        for session_id, seats in sorted(_seats_by_session(changes).items()):
            await move_seats(self._connection, session_id, -seats)


def _seats_by_session(changes: Sequence[Change]) -> Counter[UUID]:
    seats: Counter[UUID] = Counter()
    for change in changes:
        if change.booking.session_id is not None:
            seats[change.booking.session_id] += change.booking.seats
    return seats
