"""One transaction over bookings that exist."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from kursi_chassis.db.database import Connection
from kursi_chassis.events import inbox, outbox
from kursi_chassis.events.envelope import Event

from kursi_booking.domain.booking import Booking, Change, HistoryEntry
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.ports.bookings import CountedPayment, NewBooking, TimeTaken
from kursi_booking.ports.supply import DayRoom
from kursi_booking.store.answers import KeyedTransaction
from kursi_booking.store.claims import (
    INSERT_CLAIMS,
    TAKE_LOCKS,
    claim_parameters,
    claim_state,
    lock_keys,
    read_claims,
)
from kursi_booking.store.create import CREATE, create_parameters, refused
from kursi_booking.store.rows import (
    INSERT_HISTORY,
    INSERT_ITEMS,
    booking_parameters,
    history_parameters,
    item_parameters,
    read_bookings,
)
from kursi_booking.store.seats import follow_seats
from kursi_booking.store.staff_days import expect_room

UPDATE_BOOKING: Final[LiteralString] = """
UPDATE bookings SET state = %(state)s, payment_state = %(payment_state)s, revision = %(revision)s,
    start_at = %(start_at)s, end_at = %(end_at)s, hold_expire_at = %(hold_expire_at)s, total_minor = %(total_minor)s,
    paid_minor = %(paid_minor)s, fee_minor = %(fee_minor)s, refund_due_minor = %(refund_due_minor)s,
    payments = %(payments)s, cancellation_reason = %(cancellation_reason)s, updated_at = %(updated_at)s,
    customer_id = %(customer_id)s, carried_fee_minor = %(carried_fee_minor)s
WHERE id = %(id)s
"""

# An addition never meets the limit here: a late payment may bring back a booking beyond it, because it was counted
# when it was made.
COUNT_ACTIVE: Final[LiteralString] = """
UPDATE customer_counters SET active = active + %(step)s WHERE salon_id = %(salon_id)s AND customer_id = %(customer_id)s
"""

MERGE_COUNTERS: Final[LiteralString] = """
WITH given_up AS (
    DELETE FROM customer_counters WHERE salon_id = %(salon_id)s AND customer_id = %(guest_id)s RETURNING active
)
INSERT INTO customer_counters AS counter (salon_id, customer_id, active)
SELECT %(salon_id)s, %(user_id)s, active FROM given_up
ON CONFLICT (salon_id, customer_id) DO UPDATE SET active = counter.active + excluded.active
"""

FOLLOW_STATE: Final[LiteralString] = """
UPDATE claims SET state = %(claim_state)s, expires_at = %(hold_expire_at)s::timestamptz WHERE booking_id = %(id)s
"""

# One statement: the old claims are gone for the new ones of the same booking, and for nobody else before the commit.
MOVE_CLAIMS: Final[LiteralString] = f"""
WITH locked AS MATERIALIZED (
    SELECT count(*) FROM ({TAKE_LOCKS}) AS locks
), given_up AS (
    DELETE FROM claims USING locked WHERE booking_id = %(id)s RETURNING 1
), claimed AS (
    {INSERT_CLAIMS} CROSS JOIN (SELECT count(*) FROM given_up) AS first
    ORDER BY claim.number ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM claimed
"""  # noqa: S608 -- put together from constants


class BookingWork(KeyedTransaction):
    """The transaction of one connection; see `kursi_booking.ports.bookings.Work`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._before: dict[UUID, Booking] = {}

    async def expect_room(self, room: DayRoom | None) -> None:
        """Let nobody else fill the day until this transaction ends. Call it before anything else. Raises: DayFull."""
        await expect_room(self._connection, room)

    async def is_new(self, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """The events that this consumer has not handled yet; they count as handled once this commits."""
        return await inbox.claim(self._connection, consumer, event_ids)

    async def locked(self, booking_id: UUID) -> Booking | None:
        """The booking, which nobody else can change until this transaction ends."""
        # Two statements: whoever waited for the lock must read what the one before has written.
        await self._connection.execute("SELECT FROM bookings WHERE id = %s FOR UPDATE", [booking_id])
        found = await read_bookings(self._connection, [booking_id])
        self._before |= {booking.booking_id: booking for booking in found}
        return found[0] if found else None

    async def claims_of(self, booking_id: UUID) -> tuple[Claim, ...]:
        """The booking's claims, released ones too, sorted as they are taken."""
        return await read_claims(self._connection, "booking_id = %s", booking_id)

    async def counted(self, payment_id: UUID) -> CountedPayment:
        """What of this payment the booking has been told of; nothing before the first time."""
        cursor = await self._connection.execute(
            "SELECT captured_minor, refunded_minor FROM counted_payments WHERE payment_id = %s", [payment_id]
        )
        row = await cursor.fetchone()
        return CountedPayment(*row) if row else CountedPayment()

    async def count_payment(self, payment_id: UUID, booking_id: UUID, counted: CountedPayment) -> None:
        """Remember what the booking has been told of."""
        await self._connection.execute(
            "INSERT INTO counted_payments (payment_id, booking_id, captured_minor, refunded_minor) "
            "VALUES (%s, %s, %s, %s) ON CONFLICT (payment_id) DO UPDATE "
            "SET captured_minor = excluded.captured_minor, refunded_minor = excluded.refunded_minor",
            [payment_id, booking_id, counted.captured_minor, counted.refunded_minor],
        )

    async def visits_of(self, guest_id: UUID) -> list[UUID]:
        """The bookings of a guest, in the order in which they must be locked."""
        cursor = await self._connection.execute(
            "SELECT id FROM bookings WHERE customer_id = %s ORDER BY id", [guest_id]
        )
        return [booking_id for (booking_id,) in await cursor.fetchall()]

    async def remember_guest(self, joined: JoinedGuest) -> None:
        """Keep whose a guest's visits are."""
        await self._connection.execute(
            "INSERT INTO joined_guests (guest_id, salon_id, user_id, joined_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [joined.guest_id, joined.salon_id, joined.user_id, joined.at],
        )
        await self._connection.execute(
            "UPDATE booking_series SET customer_id = %s WHERE customer_id = %s",
            [joined.user_id, joined.guest_id],
        )

    async def merge_counters(self, joined: JoinedGuest) -> None:
        """What counted as the guest's counts as the account's; beyond the limit too, as the visits are booked."""
        await self._connection.execute(
            MERGE_COUNTERS,
            {"salon_id": joined.salon_id, "guest_id": joined.guest_id, "user_id": joined.user_id},
        )

    async def lock_times(self, claims: Sequence[Claim]) -> None:
        """Take the locks of all these claims at once, before any of them is taken by itself."""
        await self._connection.execute(TAKE_LOCKS, {"lock_keys": lock_keys(claims)})

    async def add(self, new: NewBooking) -> None:
        """Write a whole new booking in this transaction, which is at an end when it is refused. Its request has no key.

        Raises: TimeTaken, TooManyBookings.
        """
        try:
            await CREATE.execute(self._connection, create_parameters(new))
        except psycopg.errors.IntegrityError as error:
            meaning = refused(error, new)
            if meaning is None:
                raise
            raise meaning from error

    async def tell(self, event: Event) -> None:
        """Tell something beyond the changes that are written."""
        await outbox.append(self._connection, event)

    async def save(self, change: Change, event: Event) -> None:
        """Write a change that leaves the visit where it is: the row, its claims' state, counter, history, event."""
        before, booking = self._before[change.booking.booking_id], change.booking
        await self._count(before, booking)
        await self._write(before, change, event)
        if claim_state(before) != claim_state(booking) or before.expires_at != booking.expires_at:
            await self._connection.execute(FOLLOW_STATE, _claim_row(booking))
        await self._follow_seats(before, booking)

    async def save_moved(self, change: Change, event: Event, claims: Sequence[Claim]) -> None:
        """Write a change with new items and claims, in place of the old ones; also takes claims that were released.

        Raises: TimeTaken when somebody else has a claim; the transaction must end without a commit.
        """
        before, booking = self._before[change.booking.booking_id], change.booking
        await self._count(before, booking)
        touched = (*await self.claims_of(booking.booking_id), *claims)
        parameters = {**_claim_row(booking), **claim_parameters(claims), "lock_keys": lock_keys(touched)}
        cursor = await self._connection.execute(MOVE_CLAIMS, parameters)
        if await cursor.fetchone() != (len(claims),):
            raise TimeTaken
        await self._write(before, change, event)
        await self._follow_seats(before, booking)

    async def _follow_seats(self, before: Booking, after: Booking) -> None:
        if not await follow_seats(self._connection, before, after):
            raise TimeTaken

    async def _count(self, before: Booking, after: Booking) -> None:
        # Before any claim is touched, as in the statement that creates: otherwise a booking of the same customer
        # for the same time, waiting for these claims with the counter in its hands, would wait in a circle.
        if before.is_live != after.is_live:
            step = 1 if after.is_live else -1
            counted = {"step": step, "salon_id": after.salon_id, "customer_id": after.customer_id}
            await self._connection.execute(COUNT_ACTIVE, counted)

    async def _write(self, before: Booking, change: Change, event: Event) -> None:
        booking, connection = change.booking, self._connection
        await connection.execute(UPDATE_BOOKING, booking_parameters(booking))
        if before.items != booking.items:
            await connection.execute("DELETE FROM booking_items WHERE booking_id = %s", [booking.booking_id])
            items = {
                "id": booking.booking_id,
                "start_at": booking.during.start,
                **item_parameters(booking.items),
            }
            await connection.execute(INSERT_ITEMS, items)
        await connection.execute(INSERT_HISTORY, _history_row(booking, change.entry))
        await outbox.append(connection, event)
        self._before[booking.booking_id] = booking


def _claim_row(booking: Booking) -> dict[str, object]:
    return {
        "id": booking.booking_id,
        "claim_state": claim_state(booking),
        "hold_expire_at": booking.expires_at,
    }


def _history_row(booking: Booking, entry: HistoryEntry | None) -> dict[str, object]:
    """Raises: ValueError for a change that changed nothing; such a one is not saved."""
    if entry is None:
        message = "nothing happened that could be saved"
        raise ValueError(message)
    return {"id": booking.booking_id, "revision": booking.revision, **history_parameters(entry)}
