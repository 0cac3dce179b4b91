"""Calendar feeds in the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.calendar_feed import MOST_EVENTS, CalendarFeed, Span, StaffPlace
from kursi_booking.store.answers import KeptAnswers, KeyedTransaction
from kursi_booking.store.rows import SELECT_BOOKINGS, booking

_MOST_LISTED: Final = 500
_SELECT: Final[LiteralString] = (
    "SELECT id, salon_id, staff_id, owner_id, created_by, language, created_at, revoked_at IS NULL FROM calendar_feeds "
)
_OF_CUSTOMER: Final[LiteralString] = "b.customer_id = %(owner_id)s"
_OF_STAFF: Final[LiteralString] = """
b.salon_id = %(salon_id)s AND b.id IN (
    SELECT booking_id FROM booking_items WHERE staff_id = %(staff_id)s AND start_at >= %(start)s AND start_at < %(end)s
    UNION ALL
    SELECT booking_id FROM booking_items
    WHERE assistants <> '[]' AND assistants @> jsonb_build_array(jsonb_build_object('staff_id', %(staff_id)s::text))
        AND visit_start_at >= %(start)s AND visit_start_at < %(end)s
)
"""
_IN_SPAN: Final[LiteralString] = (
    " AND b.start_at >= %(start)s AND b.start_at < %(end)s ORDER BY b.start_at DESC, b.id DESC LIMIT %(most)s"
)


class FeedTransaction(KeyedTransaction):
    """See `kursi_booking.ports.calendar_feeds.FeedWork`."""

    async def count_of(self, place: StaffPlace | None, owner_id: UUID | None) -> int:
        """How many feeds of this staff member or customer work. Nobody else adds one until this transaction ends."""
        whose = place.staff_id if place else owner_id
        await self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(whose)])
        cursor = await self._connection.execute(
            "SELECT count(*) FROM calendar_feeds WHERE revoked_at IS NULL AND CASE WHEN %(staff)s::uuid IS NULL "
            "THEN staff_id IS NULL AND owner_id = %(owner)s ELSE staff_id = %(staff)s END",
            {"staff": place.staff_id if place else None, "owner": owner_id},
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def add(self, feed: CalendarFeed, token_hash: bytes, caller: Caller) -> None:
        """Write a new feed and who made it."""
        place = feed.staff
        await self._connection.execute(
            "INSERT INTO calendar_feeds (id, salon_id, staff_id, owner_id, created_by, language, token_hash, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                feed.feed_id,
                place.salon_id if place else None,
                place.staff_id if place else None,
                *(feed.owner_id, feed.created_by, feed.language, token_hash, feed.created_at),
            ],
        )
        await self._note("calendar_feed.created", feed, caller)

    async def locked(self, feed_id: UUID) -> tuple[CalendarFeed, bool] | None:
        """The feed and whether it still works; nobody else can revoke it until this transaction ends."""
        cursor = await self._connection.execute(_SELECT + "WHERE id = %s FOR UPDATE", [feed_id])
        row = await cursor.fetchone()
        return (_feed(row), row[-1]) if row else None

    async def of_leaver(self, salon_id: UUID, user_id: UUID, before: datetime) -> list[CalendarFeed]:
        """Feeds of the salon's staff that work, that the person owns or made before then, locked."""
        cursor = await self._connection.execute(
            _SELECT + "WHERE salon_id = %s AND (owner_id = %s OR created_by = %s) AND created_at < %s "
            "AND revoked_at IS NULL ORDER BY id FOR UPDATE",
            [salon_id, user_id, user_id, before],
        )
        return [_feed(row) for row in await cursor.fetchall()]

    async def revoke(self, feed: CalendarFeed, now: datetime, caller: Caller) -> None:
        """Write that the feed has ended and who ended it."""
        await self._connection.execute(
            "UPDATE calendar_feeds SET revoked_at = %s WHERE id = %s", [now, feed.feed_id]
        )
        await self._note("calendar_feed.revoked", feed, caller)

    async def _note(self, action: str, feed: CalendarFeed, caller: Caller) -> None:
        place = feed.staff
        after = {"staff_id": str(place.staff_id) if place else None, "language": feed.language}
        salon_id = place.salon_id if place else None
        entry = Entry(action, "calendar_feed", feed.feed_id, salon_id, after=after)
        await audit.append(self._connection, caller, entry)


class CalendarFeedsInDatabase(KeptAnswers):
    """See `kursi_booking.ports.calendar_feeds.Feeds`."""

    @asynccontextmanager
    async def work(self) -> AsyncIterator[FeedTransaction]:
        """One transaction: a clean exit commits, an exception rolls back."""
        async with self._database.transaction() as connection:
            yield FeedTransaction(connection)

    async def of_user(self, user_id: UUID) -> list[CalendarFeed]:
        """Those that a person made or owns and that work, newest first."""
        return await self._listed("(owner_id = %s OR created_by = %s)", [user_id, user_id])

    async def of_salon(self, salon_id: UUID) -> list[CalendarFeed]:
        """Those of a salon's staff that work, newest first."""
        return await self._listed("salon_id = %s", [salon_id])

    async def by_token(self, token_hash: bytes) -> CalendarFeed | None:
        """The feed of a secret, if it works."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                _SELECT + "WHERE token_hash = %s AND revoked_at IS NULL", [token_hash]
            )
            row = await cursor.fetchone()
        return _feed(row) if row else None

    async def bookings(self, feed: CalendarFeed, within: Span) -> list[Booking]:
        """What is in a feed, by start; where it is too much, the earliest are left out."""
        place = feed.staff
        parameters = {
            "owner_id": feed.owner_id,
            "salon_id": place.salon_id if place else None,
            "staff_id": place.staff_id if place else None,
            "start": within.start,
            "end": within.end,
            "most": MOST_EVENTS,
        }
        whose = _OF_STAFF if place else _OF_CUSTOMER
        async with self._database.reading() as connection:
            cursor = await connection.execute(SELECT_BOOKINGS + "WHERE " + whose + _IN_SPAN, parameters)
            found = [booking(row) for row in await cursor.fetchall()]
        return found[::-1]

    async def _listed(self, condition: LiteralString, parameters: Sequence[UUID]) -> list[CalendarFeed]:
        statement = _SELECT + "WHERE revoked_at IS NULL AND " + condition + " ORDER BY id DESC LIMIT %s"
        async with self._database.reading() as connection:
            cursor = await connection.execute(statement, [*parameters, _MOST_LISTED])
            return [_feed(row) for row in await cursor.fetchall()]


def _feed(row: Sequence[Any]) -> CalendarFeed:  # Any: a row has as many types as columns
    feed_id, salon_id, staff_id, owner_id, created_by, language, created_at, _works = row
    staff = StaffPlace(salon_id, staff_id) if staff_id else None
    return CalendarFeed(feed_id, staff, owner_id, created_by, language, created_at)
