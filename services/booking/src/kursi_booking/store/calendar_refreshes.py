"""What calendars elsewhere say, as claims and conflicts.

A calendar is worked on in several transactions, each of which locks its row first and stops when its lease is gone. Those
that claim take the locks of the staff member's days next, as every writer of several claims does. What a claim cannot
have is left to whoever has it: the constraint is the last word.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.events import outbox
from kursi_chassis.ids import new_id
from kursi_chassis.intervals import Interval, IntervalSet

from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.external_calendar import (
    Attempt,
    CalendarConflict,
    Lease,
    Validators,
    instant,
    window,
)
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.external_calendars import DescribeConflict
from kursi_booking.store.claims import TAKE_LOCKS, lock_keys
from kursi_booking.store.external_calendars import STILL_CLASHES
from kursi_booking.store.rows import SELECT_BOOKINGS, booking

_LEASE: Final = timedelta(minutes=3)
_WAKE_AFTER: Final = timedelta(minutes=1)
_TRIES: Final = 3

# A booking that moved out of a conflict left time that the calendar wants.
_WAKE: Final[LiteralString] = """
UPDATE external_calendars SET next_refresh_at = %(now)s
WHERE next_refresh_at > %(now)s AND disconnected_at IS NULL AND failures = 0 AND last_attempt_at < %(wake_before)s
    AND id IN (SELECT external_calendar_id FROM calendar_conflicts AS conflict
               WHERE resolved_at IS NULL AND NOT ({still}))
""".replace("{still}", STILL_CLASHES)
_TAKE_LEASE: Final[LiteralString] = """
UPDATE external_calendars SET lease_id = %(lease_id)s, lease_until = %(until)s, last_attempt_at = %(now)s
WHERE id = (SELECT id FROM external_calendars
            WHERE disconnected_at IS NULL AND next_refresh_at <= %(now)s
                AND (lease_until IS NULL OR lease_until <= %(now)s)
            ORDER BY next_refresh_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, salon_id, staff_id, time_zone, sealed_url, etag, last_modified, read_at, failures,
    ARRAY(SELECT ARRAY[extract(epoch FROM lower(span))::bigint, extract(epoch FROM upper(span))::bigint]
          FROM unnest(busy) AS span)
"""
_HOLD_LEASE: Final[LiteralString] = (
    "SELECT FROM external_calendars WHERE id = %(id)s AND lease_id = %(lease_id)s FOR UPDATE"
)
_BUSY: Final[LiteralString] = """
(SELECT coalesce(range_agg(tstzrange(to_timestamp(start_at), to_timestamp(end_at))), '{}'::tstzmultirange)
 FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[]) AS span (start_at, end_at))
"""
_GIVE_UP: Final[LiteralString] = """
DELETE FROM claims WHERE external_calendar_id = %(id)s AND during && tstzrange(%(from)s, %(to)s)
    AND NOT during <@ {busy}
""".replace("{busy}", _BUSY)
_GIVE_UP_PAST: Final[LiteralString] = (
    "DELETE FROM claims WHERE external_calendar_id = %(id)s AND upper(during) <= %(from)s"
)
_CLAIM: Final[LiteralString] = """
WITH piece AS MATERIALIZED (
    SELECT unnest({busy} - coalesce(range_agg(during), '{}'::tstzmultirange)) AS during
    FROM claims
    WHERE resource_id = %(staff_id)s AND during && tstzrange(%(from)s, %(to)s) AND state <> 'released'
), taken AS (
    INSERT INTO claims (external_calendar_id, resource_id, during, state)
    SELECT %(id)s, %(staff_id)s, during, 'blocked' FROM piece ORDER BY during
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT (SELECT count(*) FROM piece) = (SELECT count(*) FROM taken)
""".replace("{busy}", _BUSY)
_CLASHES: Final[LiteralString] = """
WITH busy AS MATERIALIZED (SELECT {busy} AS times), taken AS (
    SELECT c.booking_id, c.session_id, c.during FROM claims AS c, busy
    WHERE c.resource_id = %(staff_id)s AND c.during && tstzrange(%(from)s, %(to)s) AND c.during && busy.times
        AND c.state <> 'released' AND (c.expires_at IS NULL OR c.expires_at > %(now)s)
), clash AS (
    SELECT booking_id, during FROM taken WHERE booking_id IS NOT NULL
    UNION ALL
    SELECT b.id, taken.during FROM taken JOIN bookings AS b ON b.session_id = taken.session_id
    WHERE b.state IN ('held', 'pending', 'confirmed', 'checked_in')
)
SELECT clash.booking_id, min(lower(span)), max(upper(span))
FROM clash, busy, unnest(busy.times * tstzmultirange(clash.during)) AS span
GROUP BY clash.booking_id
""".replace("{busy}", _BUSY)
_OPEN: Final[LiteralString] = (
    "SELECT booking_id FROM calendar_conflicts WHERE external_calendar_id = %(id)s AND resolved_at IS NULL"
)
_RESOLVE: Final[LiteralString] = (
    "UPDATE calendar_conflicts SET resolved_at = %s "
    "WHERE external_calendar_id = %s AND resolved_at IS NULL AND NOT booking_id = ANY (%s)"
)
_CHANGE: Final[LiteralString] = (
    "UPDATE calendar_conflicts SET start_at = %s, end_at = %s "
    "WHERE external_calendar_id = %s AND booking_id = %s AND resolved_at IS NULL AND (start_at, end_at) <> (%s, %s)"
)
_INSERT: Final[LiteralString] = """
INSERT INTO calendar_conflicts (id, salon_id, staff_id, external_calendar_id, booking_id, start_at, end_at, detected_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
# Whoever asked while it was being read wants it read again.
_FINISH: Final[LiteralString] = """
UPDATE external_calendars SET lease_id = NULL, lease_until = NULL, failures = %(failures)s, time_zone = %(time_zone)s,
    next_refresh_at = CASE WHEN asked_at > last_attempt_at THEN asked_at ELSE %(next_at)s END,
    last_error = %(why)s, last_status = %(status)s,
    last_success_at = CASE WHEN %(is_read)s THEN %(now)s ELSE last_success_at END,
    busy = CASE WHEN %(is_new)s THEN {busy} ELSE busy END,
    skipped = CASE WHEN %(is_new)s THEN %(skipped)s ELSE skipped END,
    read_at = CASE WHEN %(is_new)s THEN %(now)s ELSE read_at END,
    etag = %(etag)s, last_modified = %(last_modified)s
WHERE id = %(id)s
""".replace("{busy}", _BUSY)

Clashes = dict[UUID, TimeRange]


class CalendarRefreshes:
    """See `kursi_booking.ports.external_calendars.Refreshes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, now: datetime) -> Lease | None:
        """The calendar that has been due for longest, for this caller alone; None when there is none."""
        lease_id = new_id()
        parameters = {
            "now": now,
            "wake_before": now - _WAKE_AFTER,
            "lease_id": lease_id,
            "until": now + _LEASE,
        }
        async with self._database.transaction() as connection:
            await connection.execute(_WAKE, parameters)
            cursor = await connection.execute(_TAKE_LEASE, parameters)
            row = await cursor.fetchone()
        if row is None:
            return None
        (
            calendar_id, salon_id, staff_id, time_zone, sealed_url, etag, last_modified, read_at, failures, busy,
        ) = row  # fmt: skip
        return Lease(
            *(lease_id, calendar_id, StaffPlace(salon_id, staff_id), time_zone, bytes(sealed_url)),
            *(Validators(etag, last_modified), read_at, failures),
            busy=tuple((start, end) for start, end in busy),
        )

    async def bookings_of(self, staff_id: UUID, booking_ids: Sequence[UUID]) -> set[UUID]:
        """Which of them are bookings of this staff member."""
        if not booking_ids:
            return set()
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                "SELECT DISTINCT booking_id FROM booking_items WHERE booking_id = ANY (%(ids)s) AND (staff_id = %(staff_id)s "
                "OR assistants @> jsonb_build_array(jsonb_build_object('staff_id', %(staff_id)s::text)))",
                {"ids": list(booking_ids), "staff_id": staff_id},
            )
            return {booking_id for (booking_id,) in await cursor.fetchall()}

    async def claim(self, lease: Lease, chunk: Interval, busy: IntervalSet) -> bool:
        """Claim the busy time of one chunk as far as it is free, and nothing else there; False when the lease is gone."""
        during = TimeRange.of_epoch(*chunk)
        parameters = _parameters(lease, chunk, busy)
        async with self._database.transaction() as connection:
            if not await _holds(connection, lease):
                return False
            await connection.execute(
                TAKE_LOCKS, {"lock_keys": lock_keys([Claim(lease.staff.staff_id, during)])}
            )
            await connection.execute(_GIVE_UP, parameters)
            for _ in range(_TRIES):
                # A writer of a single claim takes no lock: what it was faster with is left out the next time.
                cursor = await connection.execute(_CLAIM, parameters)
                if await cursor.fetchone() == (True,):
                    break
        return True

    async def finish(
        self, lease: Lease, attempt: Attempt, now: datetime, next_at: datetime, describe: DescribeConflict
    ) -> bool:
        """Write what clashes and what came of the attempt, and end the lease; False when it is gone."""
        parameters = _parameters(lease, window(now), attempt.busy) | {
            "now": now,
            "next_at": next_at,
            "time_zone": lease.time_zone,
            "failures": 0 if attempt.is_read else lease.failures + 1,
            "why": attempt.why,
            "status": attempt.status,
            "skipped": attempt.skipped,
            "is_read": attempt.is_read,
            "is_new": attempt.is_new,
            "etag": attempt.validators.etag,
            "last_modified": attempt.validators.last_modified,
        }
        async with self._database.transaction() as connection:
            if not await _holds(connection, lease):
                return False
            await connection.execute(_GIVE_UP_PAST, parameters)
            cursor = await connection.execute(_CLASHES, parameters)
            clashes = {one: TimeRange(start, end) for one, start, end in await cursor.fetchall()}
            await _tell(connection, lease, clashes, now, describe)
            await connection.execute(_FINISH, parameters)
        return True


async def _holds(connection: Connection, lease: Lease) -> bool:
    cursor = await connection.execute(_HOLD_LEASE, {"id": lease.calendar_id, "lease_id": lease.lease_id})
    return await cursor.fetchone() is not None


async def _tell(
    connection: Connection, lease: Lease, clashes: Clashes, now: datetime, describe: DescribeConflict
) -> None:
    """Bring the list up to date; each clash that is new on it is an event."""
    cursor = await connection.execute(_OPEN, {"id": lease.calendar_id})
    known = {booking_id for (booking_id,) in await cursor.fetchall()}
    await connection.execute(_RESOLVE, [now, lease.calendar_id, list(clashes)])
    for booking_id in known & clashes.keys():
        edges = (clashes[booking_id].start, clashes[booking_id].end)
        await connection.execute(_CHANGE, [*edges, lease.calendar_id, booking_id, *edges])
    cursor = await connection.execute(
        SELECT_BOOKINGS + "WHERE b.id = ANY (%s) ORDER BY b.start_at, b.id", [list(clashes.keys() - known)]
    )
    for found in [booking(row) for row in await cursor.fetchall()]:
        during = clashes[found.booking_id]
        conflict = CalendarConflict(
            *(new_id(), lease.staff, lease.calendar_id, found.booking_id, during.start, during.end, now)
        )
        await connection.execute(
            _INSERT,
            [
                *(conflict.conflict_id, conflict.staff.salon_id, conflict.staff.staff_id),
                *(conflict.calendar_id, conflict.booking_id, conflict.start, conflict.end, now),
            ],
        )
        await outbox.append(connection, describe(conflict, found))


def _parameters(lease: Lease, within: Interval, busy: IntervalSet) -> dict[str, object]:
    return {
        "id": lease.calendar_id,
        "staff_id": lease.staff.staff_id,
        "from": instant(within[0]),
        "to": instant(within[1]),
        "starts": [start for start, _ in busy],
        "ends": [end for _, end in busy],
    }
