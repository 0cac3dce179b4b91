"""One transaction over entries of the waiting list.

Whoever changes an entry or its offer locks the entry's row first, so that an offer is answered, run out or withdrawn once.
Nobody who has claims or counters in hand ever asks for such a row.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from kursi_chassis.db.violations import constraint_errors
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event

from kursi_booking.domain.claims import Claim
from kursi_booking.domain.errors import AlreadyWaiting, OfferGone, TooManyBookings
from kursi_booking.domain.waitlist import Entry, EntryChange
from kursi_booking.ports.bookings import NewBooking, TimeTaken
from kursi_booking.ports.supply import DayRoom
from kursi_booking.store.answers import KeyedTransaction
from kursi_booking.store.claims import CLAIM_ROWS, TAKE_LOCKS, claim_parameters, lock_keys, read_claims
from kursi_booking.store.create import CREATE, LIMIT_REACHED, TIME_TAKEN, create_parameters
from kursi_booking.store.staff_days import expect_room
from kursi_booking.store.waitlist_rows import SELECT_ENTRIES, entry, entry_parameters, offer_parameters

INSERT_ENTRY: Final[LiteralString] = """
INSERT INTO waitlist_entries (id, salon_id, customer_id, state, revision, channel, wishes, services_digest, ranges,
    passed, priority, unanswered, note, salon_names, time_zone, territory_code, created_at, updated_at)
VALUES (%(id)s, %(salon_id)s, %(customer_id)s, %(state)s, %(revision)s, %(channel)s, %(wishes)s, %(services_digest)s,
    %(ranges)s, %(passed)s, %(priority)s, %(unanswered)s, %(note)s, %(salon_names)s, %(time_zone)s,
    %(territory_code)s, %(created_at)s, %(updated_at)s)
"""
UPDATE_ENTRY: Final[LiteralString] = """
UPDATE waitlist_entries SET state = %(state)s, revision = %(revision)s, passed = %(passed)s,
    unanswered = %(unanswered)s, booking_id = %(booking_id)s, updated_at = %(updated_at)s, customer_id = %(customer_id)s
WHERE id = %(id)s
"""
INSERT_HISTORY: Final[LiteralString] = """
INSERT INTO waitlist_history (entry_id, revision, action, actor, at, from_state, to_state, offer_id)
VALUES (%(id)s, %(revision)s, %(action)s, %(actor)s, %(at)s, %(from_state)s, %(to_state)s, %(offer_id)s)
"""
INSERT_OFFER: Final[LiteralString] = """
INSERT INTO waitlist_offers (id, entry_id, state, items, currency_code, policy, active_limit, offered_at, expires_at)
VALUES (%(offer_id)s, %(entry_id)s, 'open', %(items)s, %(currency_code)s, %(policy)s, %(active_limit)s,
    %(offered_at)s, %(expires_at)s)
"""
CLOSE_OFFER: Final[LiteralString] = """
UPDATE waitlist_offers SET state = %(ended)s, closed_at = %(at)s WHERE id = %(offer_id)s AND state = 'open'
"""
HOLD: Final[LiteralString] = f"""
INSERT INTO claims (offer_id, resource_id, during, state, expires_at)
SELECT %(offer_id)s, claim.resource_id, tstzrange(claim.start_at, claim.end_at), 'held', %(expires_at)s
FROM {CLAIM_ROWS} ORDER BY claim.number ON CONFLICT DO NOTHING
"""  # noqa: S608 -- put together from constants
RELEASE: Final[LiteralString] = """
UPDATE claims SET state = 'released', expires_at = NULL WHERE offer_id = %s AND state = 'held'
"""

# As everybody who takes a time: the counter before the claims. It is locked before the offer's claims are given up, so
# that a booking of the same customer that waits for them with the counter in its hands does not wait in a circle.
LOCK_COUNTER: Final[LiteralString] = """
INSERT INTO customer_counters AS counter (salon_id, customer_id, active) VALUES (%s, %s, 0)
ON CONFLICT (salon_id, customer_id) DO UPDATE SET active = counter.active
"""


class WaitlistTransaction(KeyedTransaction):
    """See `kursi_booking.ports.waitlist.WaitlistWork`."""

    async def expect_room(self, room: DayRoom | None) -> None:
        """Let nobody else fill the day until this transaction ends. Call it before anything else. Raises: DayFull."""
        await expect_room(self._connection, room)

    async def open_entries(self, salon_id: UUID, customer_id: UUID) -> int:
        """How many open entries the customer has there, which nobody else changes until this transaction ends."""
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"waitlist {salon_id} {customer_id}"]
        )
        cursor = await self._connection.execute(
            "SELECT count(*) FROM waitlist_entries "
            "WHERE salon_id = %s AND customer_id = %s AND state IN ('waiting', 'offered')",
            [salon_id, customer_id],
        )
        (count,) = await cursor.fetchone() or (0,)
        return int(count)

    async def locked(self, entry_id: UUID) -> Entry | None:
        """The entry, which nobody else can change until this transaction ends."""
        # Two statements: whoever waited for the lock must read what the one before has written.
        await self._connection.execute("SELECT FROM waitlist_entries WHERE id = %s FOR UPDATE", [entry_id])
        found = await self._read([entry_id])
        return found[0] if found else None

    async def of_offer(self, offer_id: UUID) -> Entry | None:
        """The same for the entry that an offer was made to."""
        cursor = await self._connection.execute(
            "SELECT entry_id FROM waitlist_offers WHERE id = %s", [offer_id]
        )
        row = await cursor.fetchone()
        return await self.locked(row[0]) if row else None

    async def unanswered(self, now: datetime, most: int) -> list[Entry]:
        """Entries whose offer has run out, locked; those that somebody else has in hand are left to them."""
        cursor = await self._connection.execute(
            "SELECT e.id FROM waitlist_offers AS o JOIN waitlist_entries AS e ON e.id = o.entry_id "
            "WHERE o.state = 'open' AND o.expires_at <= %s "
            "ORDER BY o.expires_at LIMIT %s FOR UPDATE OF e SKIP LOCKED",
            [now, most],
        )
        return await self._read([entry_id for (entry_id,) in await cursor.fetchall()])

    async def over(self, now: datetime, most: int) -> list[Entry]:
        """Waiting entries whose last range is over, locked."""
        cursor = await self._connection.execute(
            "SELECT id FROM waitlist_entries WHERE state = 'waiting' AND upper(ranges) <= %s "
            "ORDER BY upper(ranges) LIMIT %s FOR UPDATE SKIP LOCKED",
            [now, most],
        )
        return await self._read([entry_id for (entry_id,) in await cursor.fetchall()])

    async def of_guest(self, guest_id: UUID) -> list[Entry]:
        """All entries of a guest, locked in one order."""
        cursor = await self._connection.execute(
            "SELECT id FROM waitlist_entries WHERE customer_id = %s ORDER BY id FOR UPDATE", [guest_id]
        )
        return await self._read([entry_id for (entry_id,) in await cursor.fetchall()])

    async def claims_of(self, offer_id: UUID) -> tuple[Claim, ...]:
        """What the offer keeps, sorted as it was taken."""
        return await read_claims(self._connection, "offer_id = %s AND state = 'held'", offer_id)

    async def add(self, change: EntryChange, event: Event) -> None:
        """Write a new entry. Raises: AlreadyWaiting."""
        with constraint_errors({"waitlist_entries_once": lambda _: AlreadyWaiting()}):
            await self._connection.execute(INSERT_ENTRY, entry_parameters(change.entry))
        await self._tell(change, event)

    async def give(self, change: EntryChange, event: Event) -> None:
        """Write that the entry is somebody else's. Raises: AlreadyWaiting when they wait for the same; nothing is written."""
        with constraint_errors({"waitlist_entries_once": lambda _: AlreadyWaiting()}):
            async with self._connection.transaction():
                await self._update(change)
        await self._tell(change, event)

    async def save(self, change: EntryChange, event: Event) -> None:
        """Write a change; the time of an offer that it ends is free."""
        await self._update(change)
        if change.offer is not None:
            await self._connection.execute(RELEASE, [change.offer.offer_id])
        await self._tell(change, event)

    async def save_offered(self, change: EntryChange, event: Event, claims: Sequence[Claim]) -> None:
        """Write that a time is kept, and keep it.

        Raises: TimeTaken when somebody else has a claim; the transaction must end without a commit.
        """
        held = change.offer
        if held is None:
            message = "an offer offers something"
            raise ValueError(message)
        await self._update(change)
        parameters = {**offer_parameters(held), **claim_parameters(claims), "entry_id": change.entry.entry_id}
        await self._connection.execute(INSERT_OFFER, parameters)
        await self._connection.execute(TAKE_LOCKS, {"lock_keys": lock_keys(claims)})
        taken = await self._connection.execute(HOLD, parameters)
        if taken.rowcount != len(claims):
            raise TimeTaken
        await self._tell(change, event)

    async def save_accepted(self, change: EntryChange, event: Event, new: NewBooking) -> None:
        """Write that the offer is this booking: its claims become the booking's, which is made as all are.

        Raises: TooManyBookings; OfferGone when the request's key was used before. Then nothing may be committed.
        """
        booking, held = new.change.booking, change.offer
        await self._connection.execute(TAKE_LOCKS, {"lock_keys": lock_keys(new.claims)})
        await self._connection.execute(LOCK_COUNTER, [booking.salon_id, booking.customer_id])
        await self._connection.execute(
            "DELETE FROM claims WHERE offer_id = %s", [held.offer_id if held else None]
        )
        try:
            await CREATE.execute(self._connection, create_parameters(new))
        except psycopg.errors.IntegrityError as error:
            raise _refused(error, new) from error
        await self._update(change)
        await self._tell(change, event)

    async def _read(self, ids: Sequence[UUID]) -> list[Entry]:
        if not ids:
            return []
        cursor = await self._connection.execute(SELECT_ENTRIES + "WHERE e.id = ANY (%s)", [list(ids)])
        return [entry(row) for row in await cursor.fetchall()]

    async def _update(self, change: EntryChange) -> None:
        await self._connection.execute(UPDATE_ENTRY, entry_parameters(change.entry))
        if change.ended is not None and change.offer is not None:
            ended = {"ended": change.ended.value, "at": change.act.at, "offer_id": change.offer.offer_id}
            await self._connection.execute(CLOSE_OFFER, ended)

    async def _tell(self, change: EntryChange, event: Event) -> None:
        await self._connection.execute(INSERT_HISTORY, _history_row(change))
        await outbox.append(self._connection, event)


def _refused(error: psycopg.errors.IntegrityError, new: NewBooking) -> Exception:
    if error.diag.constraint_name == LIMIT_REACHED:
        return TooManyBookings(new.active_limit or 0)
    # Nobody else can have the claims, and the key can only have answered for another offer.
    return OfferGone() if error.diag.constraint_name in (TIME_TAKEN, "replies_pkey") else error


def _history_row(change: EntryChange) -> dict[str, object]:
    """Raises: ValueError for a change that changed nothing; such a one is not saved."""
    if change.event is None:
        message = "nothing happened that could be saved"
        raise ValueError(message)
    return {
        "id": change.entry.entry_id,
        "revision": change.entry.revision,
        "action": change.event.value.removeprefix("waitlist_"),
        "actor": change.act.actor,
        "at": change.act.at,
        "from_state": change.from_state.value if change.from_state else None,
        "to_state": change.entry.state.value,
        "offer_id": change.offer.offer_id if change.offer else None,
    }
