"""Seats of group sessions: taken and given back by one conditional update, never by counting first."""

from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.session import seats_of

MOVE_SEATS: Final[LiteralString] = """
UPDATE sessions SET taken = taken + %(seats)s
WHERE id = %(session_id)s AND (%(seats)s < 0 OR (state = 'scheduled' AND taken + %(seats)s <= capacity))
"""


async def move_seats(connection: Connection, session_id: UUID, seats: int) -> bool:
    """Take seats, or with a negative number give them back; whether there were enough.

    Whoever calls it has the bookings and the customers' counters in hand that it needs, and asks for nothing after.
    """
    cursor = await connection.execute(MOVE_SEATS, {"session_id": session_id, "seats": seats})
    return cursor.rowcount == 1


async def follow_seats(connection: Connection, before: Booking, after: Booking) -> bool:
    """Let the session follow a change of a booking; whether there were enough seats."""
    step = seats_of(after) - seats_of(before)
    if after.session_id is None or step == 0:
        return True
    return await move_seats(connection, after.session_id, step)
