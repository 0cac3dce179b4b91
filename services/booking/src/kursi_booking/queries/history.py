"""What happened to a booking."""

from uuid import UUID

from kursi_chassis.db.database import Database

from kursi_booking.domain.booking import HistoryEntry
from kursi_booking.domain.state import State


class History:
    """The history of bookings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, booking_id: UUID) -> list[HistoryEntry]:
        """All entries of one booking, oldest first; a booking has a few dozen at most."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT revision, action, actor, at, from_state, to_state, reason, from_start, to_start "
                "FROM booking_history WHERE booking_id = %s ORDER BY revision",
                [booking_id],
            )
            return [
                HistoryEntry(
                    revision=revision,
                    action=action,
                    actor=actor,
                    at=at,
                    from_state=State(from_state) if from_state else None,
                    to_state=State(to_state),
                    reason=reason,
                    from_start=from_start,
                    to_start=to_start,
                )
                for revision, action, actor, at, from_state, to_state, reason, from_start, to_start in (
                    await cursor.fetchall()
                )
            ]
