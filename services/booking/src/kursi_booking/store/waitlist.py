"""The waiting list in the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Database

from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import Entry
from kursi_booking.ports.listing import Position
from kursi_booking.ports.waitlist import EntryFilter, WaitlistWork
from kursi_booking.store.waitlist_rows import SELECT_ENTRIES, entry, multirange
from kursi_booking.store.waitlist_work import WaitlistTransaction

# Walks the partial index on whose turn it is; the order is a promise of the contract.
_IN_TURN: Final[LiteralString] = """
WHERE e.salon_id = %(salon_id)s AND e.state = 'waiting' AND e.ranges && %(wished)s
ORDER BY e.priority DESC, e.unanswered, e.created_at, e.id LIMIT %(most)s
"""
NEXT_DUE: Final[LiteralString] = "SELECT min(expires_at) FROM waitlist_offers WHERE state = 'open'"


class WaitlistInDatabase:
    """See `kursi_booking.ports.waitlist.Waitlist`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def work(self) -> AsyncIterator[WaitlistWork]:
        """One transaction: a clean exit commits, an exception rolls back."""
        async with self._database.transaction() as connection:
            yield WaitlistTransaction(connection)

    async def find(self, entry_id: UUID) -> Entry | None:
        """The entry, without a lock."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(SELECT_ENTRIES + "WHERE e.id = %s", [entry_id])
            row = await cursor.fetchone()
        return entry(row) if row else None

    async def page(self, wanted: EntryFilter, after: Position | None, size: int) -> list[Entry]:
        """Up to `size` entries that fit, newest first, beyond the position."""
        conditions: list[tuple[bool, LiteralString]] = [
            (wanted.salon_id is not None, "e.salon_id = %(salon_id)s"),
            (wanted.customer_id is not None, "e.customer_id = %(customer_id)s"),
            (bool(wanted.states), "e.state = ANY (%(states)s)"),
            (after is not None, "(e.created_at, e.id) < (%(after_time)s, %(after_id)s)"),
        ]
        where: LiteralString = " AND ".join([condition for is_asked, condition in conditions if is_asked])
        parameters = {
            "salon_id": wanted.salon_id,
            "customer_id": wanted.customer_id,
            "states": sorted(state.value for state in wanted.states),
            "after_time": after[0] if after else None,
            "after_id": after[1] if after else None,
            "size": size,
        }
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                f"{SELECT_ENTRIES} WHERE {where} ORDER BY e.created_at DESC, e.id DESC LIMIT %(size)s",
                parameters,
            )
            return [entry(row) for row in await cursor.fetchall()]

    async def in_turn(self, salon_id: UUID, wished: Sequence[TimeRange], most: int) -> list[Entry]:
        """Waiting entries of the salon that wish for a start in these ranges, in the order in which they are asked."""
        parameters = {"salon_id": salon_id, "wished": multirange(wished), "most": most}
        async with self._database.reading() as connection:
            cursor = await connection.execute(SELECT_ENTRIES + _IN_TURN, parameters)
            return [entry(row) for row in await cursor.fetchall()]

    async def salons(self) -> list[UUID]:
        """The salons where somebody waits."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT DISTINCT salon_id FROM waitlist_entries WHERE state = 'waiting'"
            )
            return [salon_id for (salon_id,) in await cursor.fetchall()]

    async def next_due(self) -> datetime | None:
        """When the next offer runs out; None when none is open."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(NEXT_DUE)
            row = await cursor.fetchone()
        return row[0] if row else None
