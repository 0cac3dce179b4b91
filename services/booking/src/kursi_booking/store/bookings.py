"""Bookings in the database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

import psycopg
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.intervals import Interval
from psycopg.rows import class_row

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.fair_choice import Load
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.ports.answers import AlreadyAnswered
from kursi_booking.ports.bookings import NewBooking, Queued, Turn, Undecided, Work
from kursi_booking.ports.listing import BookingFilter, BookingPage, Position
from kursi_booking.store.answers import KeptAnswers
from kursi_booking.store.create import CREATE, create_parameters, refused
from kursi_booking.store.listing import find_page
from kursi_booking.store.rows import read_bookings
from kursi_booking.store.staff_days import expect_room, read_loads
from kursi_booking.store.words import Word, read_words
from kursi_booking.store.work import BookingWork

_REPETITION = "replies_pkey"
_PATIENCE = 3.0
"""Seconds in the queue of a salon after which somebody chooses among its people without being alone: as long as a
request waits for a connection.
"""


@dataclass
class _Queue:
    """Who chooses for a salon in this process, one after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0


class Bookings(KeptAnswers):
    """Bookings in the database; see `kursi_booking.ports.bookings.BookingStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._queues: WeakValueDictionary[UUID, _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """One transaction: a clean exit commits, an exception rolls back."""
        async with self._database.transaction() as connection:
            yield BookingWork(connection)

    async def create(self, new: NewBooking) -> bytes:
        """Write a whole new booking in one statement, and return its answer.

        Raises: TimeTaken when a claim is taken, DayFull when its day is, TooManyBookings when the customer's limit is
            reached, AlreadyAnswered when the request is a repetition.
        """
        opened = self._database.autocommit() if new.room is None else self._database.transaction()
        async with opened as connection:
            return await self.create_on(connection, new)

    async def create_on(self, connection: Connection, new: NewBooking) -> bytes:
        """The same on a connection of the caller's."""
        await expect_room(connection, new.room)
        try:
            await CREATE.execute(connection, create_parameters(new))
        except psycopg.errors.IntegrityError as error:
            if error.diag.constraint_name == _REPETITION:
                # Whoever reads the answer needs a connection, and must not wait for it with this one in hand.
                raise AlreadyAnswered from error
            meaning = refused(error, new)
            if meaning is None:
                raise
            raise meaning from error
        return new.answer

    async def find(self, booking_id: UUID) -> Booking | None:
        """The booking, without a lock."""
        async with self._database.reading() as connection:
            found = await read_bookings(connection, [booking_id])
        return found[0] if found else None

    async def overdue_holds(self, claims: Sequence[Claim], now: datetime) -> list[UUID]:
        """Held bookings and offers whose time is over but that are not yet expired and are in the way of these claims."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT DISTINCT coalesce(held.booking_id, held.offer_id) "
                "FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS wanted (resource_id, start_at, end_at) "
                "JOIN claims AS held ON held.resource_id = wanted.resource_id "
                "    AND held.during && tstzrange(wanted.start_at, wanted.end_at) "
                "WHERE held.state = 'held' AND held.expires_at <= %s",
                [
                    [claim.resource_id for claim in claims],
                    [claim.during.start for claim in claims],
                    [claim.during.end for claim in claims],
                    now,
                ],
            )
            return [overdue for (overdue,) in await cursor.fetchall()]

    async def loads(self, staff_ids: Sequence[UUID], during: Interval) -> Mapping[UUID, Load]:
        """What each of them has that starts then; who has nothing is not there."""
        async with self._database.reading() as connection:
            return await read_loads(connection, staff_ids, during)

    async def active(self, salon_id: UUID, customers: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many open bookings each of them has in the salon; who never had one is not there."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT customer_id, active FROM customer_counters WHERE salon_id = %s AND customer_id = ANY (%s)",
                [salon_id, list(customers)],
                prepare=True,
            )
            return dict(await cursor.fetchall())

    @asynccontextmanager
    async def queue(self, salon_id: UUID) -> AsyncIterator[Queued]:
        """Wait, but not for ever, until nobody else in this process chooses for the salon. Nobody waits here with a
        connection in hand.
        """
        queue = self._queues.setdefault(salon_id, _Queue())
        has_waited = queue.length > 0
        queue.length += 1
        is_alone = True
        try:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await queue.lock.acquire()
            except TimeoutError:
                is_alone = False
            try:
                yield Queued(has_waited, is_alone)
            finally:
                if is_alone:
                    queue.lock.release()
        finally:
            queue.length -= 1

    @asynccontextmanager
    async def turn(self, open_question: Undecided, queued: Queued) -> AsyncIterator[Turn]:
        """One transaction, in the queue, in which nobody else chooses for the salon.

        The lock closes the race of two processes that read the same loads before either has written: the other waits,
        and reads in a statement after the one in which it waited. It is taken before all other locks.
        """
        async with self._database.transaction() as connection:
            loads = await read_in_turn(connection, open_question, alone=queued.is_alone)
            yield _Turn(loads, connection, self)

    async def late_guests(self, since: datetime) -> list[JoinedGuest]:
        """Guests that were joined since then and have visits, or wait, under their old id all the same."""
        async with (
            self._database.reading() as connection,
            connection.cursor(row_factory=class_row(JoinedGuest)) as cursor,
        ):
            await cursor.execute(
                "SELECT guest_id, salon_id, user_id, joined_at AS at FROM joined_guests AS joined "
                "WHERE joined_at > %s AND (EXISTS (SELECT FROM bookings WHERE customer_id = joined.guest_id) "
                "    OR EXISTS (SELECT FROM waitlist_entries WHERE customer_id = joined.guest_id))",
                [since],
            )
            return await cursor.fetchall()

    async def page(self, wanted: BookingFilter, after: Position | None, size: int) -> BookingPage:
        """Up to `size` bookings that fit, in the asked order, beyond the position."""
        async with self._database.reading() as connection:
            words: Sequence[Word] = ()
            if wanted.text and wanted.salon_id:
                words = await read_words(connection, wanted.salon_id, wanted.text)
                if not words:
                    return BookingPage((), None)
            found = await find_page(connection, wanted, words, after, size)
            read = {one.booking_id: one for one in await read_bookings(connection, found.ids)}
        return BookingPage([read[booking_id] for booking_id in found.ids if booking_id in read], found.rest)


async def read_in_turn(connection: Connection, question: Undecided, *, alone: bool) -> Mapping[UUID, Load]:
    """Wait for the turn and read, in one round trip."""
    async with connection.pipeline():
        if alone:
            await connection.execute("SELECT choose_alone(%s)", [str(question.salon_id)], prepare=True)
        return await read_loads(connection, question.people, question.compared)


@dataclass(frozen=True, slots=True)
class _Turn:
    """See `kursi_booking.ports.bookings.Turn`."""

    loads: Mapping[UUID, Load]
    connection: Connection
    bookings: Bookings

    async def create(self, new: NewBooking) -> bytes:
        """As `BookingStore.create`; the turn is at an end when it is refused."""
        return await self.bookings.create_on(self.connection, new)
