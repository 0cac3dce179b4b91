"""Group sessions in the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event
from psycopg.types.json import Jsonb

from kursi_booking.domain.booking import Booking, Change
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.session import Session, SessionChange, SessionState
from kursi_booking.ports.bookings import NewBooking, TimeTaken
from kursi_booking.ports.listing import Position
from kursi_booking.ports.sessions import SessionFilter, SessionWork
from kursi_booking.store.claims import CLAIM_ROWS, TAKE_LOCKS, claim_parameters, lock_keys
from kursi_booking.store.rows import SELECT_BOOKINGS, booking, history_parameters, read_bookings
from kursi_booking.store.seats import move_seats
from kursi_booking.store.session_rows import (
    INSERT_ENTRY,
    INSERT_SESSION,
    SELECT_SESSIONS,
    entry_parameters,
    session_of,
    session_parameters,
)
from kursi_booking.store.work import BookingWork

_CLAIM: Final[LiteralString] = f"""
INSERT INTO claims (session_id, resource_id, during, state)
SELECT %(session_id)s, claim.resource_id, tstzrange(claim.start_at, claim.end_at), 'blocked'
FROM {CLAIM_ROWS} ORDER BY claim.number ON CONFLICT DO NOTHING
"""  # noqa: S608 -- put together from constants
_UPDATE: Final[LiteralString] = """
UPDATE sessions SET capacity = %(capacity)s, state = %(state)s, cancellation_reason = %(cancellation_reason)s,
    revision = %(revision)s, updated_at = %(updated_at)s
WHERE id = %(id)s
"""
_LOCK_COUNTERS: Final[LiteralString] = """
SELECT FROM customer_counters AS counter JOIN unnest(%s::uuid[], %s::uuid[]) AS wanted (salon_id, customer_id)
    USING (salon_id, customer_id)
ORDER BY counter.salon_id, counter.customer_id FOR UPDATE OF counter
"""
_OPEN: Final[LiteralString] = """
SELECT id FROM bookings WHERE session_id = %s AND state IN ('held', 'pending', 'confirmed', 'checked_in')
"""
_UNCOUNT: Final[LiteralString] = """
UPDATE customer_counters AS c SET active = c.active - gone.number
FROM (SELECT salon_id, customer_id, count(*) AS number FROM bookings WHERE id = ANY (%s) GROUP BY 1, 2) AS gone
WHERE (c.salon_id, c.customer_id) = (gone.salon_id, gone.customer_id)
"""
_CANCEL: Final[LiteralString] = """
WITH settled AS (
    SELECT * FROM jsonb_to_recordset(%(changes)s) AS change (id uuid, from_state text, payment_state text,
        fee_minor bigint, refund_due_minor bigint)
), cancelled AS (
    UPDATE bookings AS b SET state = %(to_state)s, payment_state = settled.payment_state, fee_minor = settled.fee_minor,
        refund_due_minor = settled.refund_due_minor, hold_expire_at = NULL, revision = b.revision + 1,
        cancellation_reason = %(reason)s, updated_at = %(at)s
    FROM settled WHERE b.id = settled.id
    RETURNING b.id, b.revision, settled.from_state
)
INSERT INTO booking_history (booking_id, revision, action, actor, at, from_state, to_state, reason)
SELECT id, revision, %(action)s, %(actor)s, %(at)s, from_state, %(to_state)s, %(reason)s FROM cancelled
"""
_PAGE: Final[LiteralString] = """
WHERE s.salon_id = %(salon_id)s AND s.state = 'scheduled' AND s.start_at >= %(start_min)s
    AND (%(start_max)s::timestamptz IS NULL OR s.start_at < %(start_max)s)
    AND (%(service_id)s::uuid IS NULL OR s.service_id = %(service_id)s)
    AND (%(after_start)s::timestamptz IS NULL OR (s.start_at, s.id) > (%(after_start)s, %(after_id)s::uuid))
ORDER BY s.start_at, s.id LIMIT %(size)s
"""


class SessionsInDatabase:
    """See `kursi_booking.ports.sessions.SessionStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SessionWork]:
        """One transaction: a clean exit commits, an exception rolls back."""
        async with self._database.transaction() as connection:
            yield _Work(connection)

    async def find(self, session_id: UUID) -> Session | None:
        """The session, without a lock."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(SELECT_SESSIONS + "WHERE s.id = %s", [session_id])
            row = await cursor.fetchone()
        return session_of(row) if row else None

    async def overdue_seats(self, session_id: UUID, now: datetime) -> list[UUID]:
        """Bookings whose hold is over but not yet expired."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT id FROM bookings WHERE session_id = %s AND state = 'held' AND hold_expire_at <= %s ORDER BY id",
                [session_id, now],
            )
            return [booking_id for (booking_id,) in await cursor.fetchall()]

    async def page(self, wanted: SessionFilter, after: Position | None, size: int) -> list[Session]:
        """Up to `size` sessions that fit and take place, the soonest first, beyond the position."""
        parameters = {
            "salon_id": wanted.salon_id,
            "service_id": wanted.service_id,
            "start_min": wanted.start_min,
            "start_max": wanted.start_max,
            "after_start": after[0] if after else None,
            "after_id": after[1] if after else None,
            "size": size,
        }
        async with self._database.reading() as connection:
            cursor = await connection.execute(SELECT_SESSIONS + _PAGE, parameters)
            return [session_of(row) for row in await cursor.fetchall()]

    async def bookings_of(self, session_id: UUID, after: UUID | None, size: int) -> list[Booking]:
        """Up to `size` of its bookings, the oldest first: ids grow with time."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                SELECT_BOOKINGS
                + "WHERE b.session_id = %(session_id)s AND (%(after)s::uuid IS NULL OR b.id > %(after)s) "
                "ORDER BY b.id LIMIT %(size)s",
                {"session_id": session_id, "after": after, "size": size},
            )
            return [booking(row) for row in await cursor.fetchall()]


class _Work:
    """See `kursi_booking.ports.sessions.SessionWork`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.bookings = BookingWork(connection)

    async def add(self, change: SessionChange, claims: Sequence[Claim]) -> None:
        """Write a new session. Raises: TimeTaken."""
        await self._connection.execute(INSERT_SESSION, session_parameters(change.session))
        await self._connection.execute(INSERT_ENTRY, entry_parameters(change))
        await self._connection.execute(TAKE_LOCKS, {"lock_keys": lock_keys(claims)})
        cursor = await self._connection.execute(
            _CLAIM, {"session_id": change.session.session_id, **claim_parameters(claims)}
        )
        if cursor.rowcount != len(claims):
            raise TimeTaken

    async def join(self, new: NewBooking) -> bool:
        """Write a new booking of seats, and whether there are enough. Raises: TooManyBookings."""
        booking = new.change.booking
        await self.bookings.add(new)
        return booking.session_id is not None and await move_seats(
            self._connection, booking.session_id, booking.seats
        )

    async def locked_bookings(self, session_id: UUID) -> list[Booking]:
        """The bookings that have neither ended nor been called off, locked in one order."""
        cursor = await self._connection.execute(_OPEN + "ORDER BY id FOR UPDATE", [session_id])
        ids = [booking_id for (booking_id,) in await cursor.fetchall()]
        return [one for one in await read_bookings(self._connection, ids) if one.is_live]

    async def open_bookings(self, session_id: UUID) -> set[UUID]:
        """The same as they are now, without locks."""
        cursor = await self._connection.execute(_OPEN, [session_id])
        return {booking_id for (booking_id,) in await cursor.fetchall()}

    async def save_cancelled(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write all at once, however many they are: counters, rows, history, events, seats."""
        if not changes:
            return
        ids = [change.booking.booking_id for change in changes]
        await self._connection.execute(_UNCOUNT, [ids])
        await self._connection.execute(_CANCEL, _cancelled_parameters(changes))
        await outbox.append_many(self._connection, events)
        booking = changes[0].booking
        if booking.session_id is not None:
            seats = sum(change.booking.seats for change in changes)
            await move_seats(self._connection, booking.session_id, -seats)

    async def lock_counters(self, bookings: Sequence[Booking]) -> None:
        """Lock the counters of the customers of these bookings, in one order."""
        salons = [booking.salon_id for booking in bookings]
        await self._connection.execute(
            _LOCK_COUNTERS, [salons, [booking.customer_id for booking in bookings]]
        )

    async def locked(self, session_id: UUID) -> Session | None:
        """The session, whose seats nobody else can take until this transaction ends."""
        cursor = await self._connection.execute(
            SELECT_SESSIONS + "WHERE s.id = %s FOR NO KEY UPDATE", [session_id]
        )
        row = await cursor.fetchone()
        return session_of(row) if row else None

    async def save(self, change: SessionChange) -> None:
        """Write a change of the session itself; one that is called off lets go of its people and things."""
        await self._connection.execute(_UPDATE, session_parameters(change.session))
        await self._connection.execute(INSERT_ENTRY, entry_parameters(change))
        if change.session.state is SessionState.CANCELLED:
            await self._connection.execute(
                "UPDATE claims SET state = 'released' WHERE session_id = %s", [change.session.session_id]
            )


def _cancelled_parameters(changes: Sequence[Change]) -> dict[str, object]:
    """All of them were cancelled alike; what goes back and what they were before differs."""
    entries = [change.entry for change in changes if change.entry is not None]
    settled = [
        {
            "id": str(change.booking.booking_id),
            "from_state": change.entry.from_state.value if change.entry and change.entry.from_state else None,
            "payment_state": change.booking.payment_state.value,
            "fee_minor": change.booking.fee.amount_minor,
            "refund_due_minor": change.booking.refund_due.amount_minor,
        }
        for change in changes
    ]
    return {**history_parameters(entries[0]), "changes": Jsonb(settled)}
