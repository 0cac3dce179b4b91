"""The one statement that makes a booking: all of it is written, or nothing."""

from typing import Final, LiteralString

import psycopg
from kursi_chassis import idempotency
from kursi_chassis.events import outbox
from psycopg.types.numeric import Int8

from kursi_booking.domain.errors import TooManyBookings
from kursi_booking.ports.bookings import NewBooking, TimeTaken
from kursi_booking.store.claims import INSERT_CLAIMS, TAKE_LOCKS, claim_parameters, claim_state, lock_keys
from kursi_booking.store.numbered import numbered
from kursi_booking.store.rows import (
    INSERT_HISTORY,
    INSERT_ITEMS,
    booking_parameters,
    history_parameters,
    item_parameters,
)

TIME_TAKEN: Final = "time_taken"
LIMIT_REACHED: Final = "limit_reached"
_NO_LIMIT: Final = 2**31 - 1

# The parts of a WITH that write run in an order of their own unless one reads another. Each here reads the one before:
# the answer's row first, where a repetition waits for the first request (a condition without columns is asked before the
# first row, so also where there is nothing to lock); then the locks; then the customer's counter;
# then the claims. Only with all claims in hand is anything else written. When something is missing, the last line
# raises, which takes the whole statement back.
_CREATE: Final[LiteralString] = f"""
WITH answered AS (
    {idempotency.INSERT_REPLY} WHERE %(reply_request_id)s <> '' RETURNING 1
), locked AS MATERIALIZED (
    SELECT count(*) FROM ({TAKE_LOCKS} WHERE (SELECT count(*) FROM answered) >= 0) AS locks
), counted AS (
    INSERT INTO customer_counters AS counter (salon_id, customer_id, active)
    SELECT %(salon_id)s, %(customer_id)s, 1 FROM locked
    ON CONFLICT (salon_id, customer_id) DO UPDATE SET active = counter.active + 1
        WHERE counter.active < %(active_limit)s::integer
    RETURNING 1
), claimed AS (
    {INSERT_CLAIMS} JOIN (SELECT count(*) AS number FROM counted) AS counter ON counter.number = 1
    ORDER BY claim.number ON CONFLICT DO NOTHING RETURNING 1
), booked AS (
    INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at,
        hold_expire_at, salon_names, time_zone, territory_code, currency_code, total_minor, paid_minor, fee_minor,
        refund_due_minor, payments, policy, channel, note, cancellation_reason, created_at, updated_at,
        guest_name, series_id, session_id, seats)
    SELECT %(id)s, %(salon_id)s, %(customer_id)s, %(state)s, %(payment_state)s, %(revision)s, %(start_at)s, %(end_at)s,
        %(hold_expire_at)s::timestamptz, %(salon_names)s, %(time_zone)s, %(territory_code)s, %(currency_code)s,
        %(total_minor)s, %(paid_minor)s, %(fee_minor)s, %(refund_due_minor)s, %(payments)s::uuid[], %(policy)s,
        %(channel)s, %(note)s, %(cancellation_reason)s, %(created_at)s, %(updated_at)s, %(guest_name)s::text,
        %(series_id)s::uuid, %(session_id)s::uuid, %(seats)s
    WHERE (SELECT count(*) FROM claimed) = cardinality(%(claim_resources)s::uuid[]) AND EXISTS (SELECT FROM counted)
    RETURNING 1
), itemised AS (
    {INSERT_ITEMS} WHERE EXISTS (SELECT FROM booked)
), remembered AS (
    {INSERT_HISTORY} WHERE EXISTS (SELECT FROM booked)
), told AS (
    {outbox.INSERT_EVENTS} WHERE EXISTS (SELECT FROM booked)
)
SELECT CASE WHEN EXISTS (SELECT FROM booked) THEN true
            WHEN EXISTS (SELECT FROM counted) THEN refuse('{TIME_TAKEN}')
            ELSE refuse('{LIMIT_REACHED}') END
"""  # noqa: S608 -- put together from constants

CREATE: Final = numbered(_CREATE)


def refused(error: psycopg.errors.IntegrityError, new: NewBooking) -> Exception | None:
    """What it means that the statement was refused; None for anything that is no answer to a caller."""
    refused_by = error.diag.constraint_name
    if refused_by == TIME_TAKEN:
        return TimeTaken()
    if refused_by == LIMIT_REACHED:
        return TooManyBookings(new.active_limit or 0)
    return None


def create_parameters(new: NewBooking) -> dict[str, object]:
    """What `CREATE` needs. Raises: ValueError for a change without a history entry, which creates nothing."""
    booking, entry, request = new.change.booking, new.change.entry, new.request
    if entry is None:
        message = "a new booking has a history"
        raise ValueError(message)
    return {
        **booking_parameters(booking),
        # As text: with a type of its own a hold's end would make this another prepared statement.
        "hold_expire_at": booking.expires_at.isoformat() if booking.expires_at else None,
        **item_parameters(booking.items),
        **history_parameters(entry),
        **claim_parameters(new.claims),
        **outbox.parameters(new.event),
        **idempotency.parameters(
            request.caller, request.method, request.request_id, request.fingerprint, new.answer
        ),
        "claim_state": claim_state(booking),
        "lock_keys": lock_keys(new.claims) if len(new.claims) > 1 else [],
        "active_limit": Int8(_NO_LIMIT if new.active_limit is None else new.active_limit),
    }
