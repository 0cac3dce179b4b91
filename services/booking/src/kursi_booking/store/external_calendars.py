"""Connected calendars in the database, as people see and change them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.violations import constraint_errors

from kursi_booking.domain.calendar_errors import CalendarAlreadyConnected
from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.external_calendar import CalendarConflict, ExternalCalendar
from kursi_booking.ports.external_calendars import Connected, SealedAddress
from kursi_booking.store.answers import KeptAnswers, KeyedTransaction

_MOST_CONFLICTS: Final = 500
_SELECT: Final[LiteralString] = (
    "SELECT id, salon_id, staff_id, name, host, created_at, last_attempt_at, last_success_at, last_error, last_status, "
    "(SELECT count(*) FROM unnest(busy)), skipped, asked_at, disconnected_at IS NULL "
    "FROM external_calendars "
)
STILL_CLASHES: Final[LiteralString] = """
EXISTS (SELECT FROM claims AS c
        WHERE c.booking_id = conflict.booking_id AND c.resource_id = conflict.staff_id AND c.state <> 'released'
            AND c.during && tstzrange(conflict.start_at, conflict.end_at))
OR EXISTS (SELECT FROM bookings AS b JOIN claims AS c ON c.session_id = b.session_id
           WHERE b.id = conflict.booking_id AND b.state IN ('held', 'pending', 'confirmed', 'checked_in')
               AND c.resource_id = conflict.staff_id AND c.state <> 'released'
               AND c.during && tstzrange(conflict.start_at, conflict.end_at))
"""
"""Whether a booking still takes the time of its conflict; the row is closed when the calendar is read next."""
_CONFLICTS: Final[LiteralString] = (
    "SELECT id, salon_id, staff_id, external_calendar_id, booking_id, start_at, end_at, detected_at "
    "FROM calendar_conflicts AS conflict WHERE salon_id = %(salon_id)s AND resolved_at IS NULL "
    "AND (%(staff_id)s::uuid IS NULL OR staff_id = %(staff_id)s) AND (" + STILL_CLASHES + ") "
    "ORDER BY start_at, id LIMIT %(most)s"
)
_ADD: Final[LiteralString] = """
INSERT INTO external_calendars (id, salon_id, staff_id, name, host, time_zone, sealed_url, url_digest, created_by,
    created_at, next_refresh_at)
VALUES (%(id)s, %(salon_id)s, %(staff_id)s, %(name)s, %(host)s, %(time_zone)s, %(sealed)s, %(digest)s, %(by)s,
    %(now)s, %(now)s)
"""
# The staff member's other calendars may want the time that this one kept.
_DISCONNECT: Final[Sequence[LiteralString]] = (
    """
    UPDATE external_calendars SET disconnected_at = %(now)s, sealed_url = NULL, lease_id = NULL, lease_until = NULL,
        busy = '{}' WHERE id = %(id)s
    """,
    "DELETE FROM claims WHERE external_calendar_id = %(id)s",
    "UPDATE calendar_conflicts SET resolved_at = %(now)s WHERE external_calendar_id = %(id)s AND resolved_at IS NULL",
    """
    UPDATE external_calendars SET next_refresh_at = %(now)s
    WHERE staff_id = %(staff_id)s AND disconnected_at IS NULL AND failures = 0 AND next_refresh_at > %(now)s
    """,
)


class ExternalCalendarTransaction(KeyedTransaction):
    """See `kursi_booking.ports.external_calendars.ExternalCalendarWork`."""

    async def count_of(self, staff_id: UUID) -> int:
        """How many calendars they have. Nobody else connects or disconnects one until this transaction ends."""
        await self._lock_staff(staff_id)
        cursor = await self._connection.execute(
            "SELECT count(*) FROM external_calendars WHERE staff_id = %s AND disconnected_at IS NULL",
            [staff_id],
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def add(
        self, calendar: ExternalCalendar, address: SealedAddress, time_zone: str, caller: Caller
    ) -> None:
        """Write a new calendar, due now, and who connected it. Raises: CalendarAlreadyConnected."""
        parameters = {
            "id": calendar.calendar_id,
            "salon_id": calendar.staff.salon_id,
            "staff_id": calendar.staff.staff_id,
            "name": calendar.name,
            "host": calendar.host,
            "time_zone": time_zone,
            "sealed": address.sealed,
            "digest": address.digest,
            "by": caller.user_id,
            "now": calendar.created_at,
        }
        with constraint_errors({"external_calendars_once": lambda _error: CalendarAlreadyConnected()}):
            await self._connection.execute(_ADD, parameters)
        await self._note("external_calendar.connected", calendar, caller)

    async def locked(self, place: StaffPlace, calendar_id: UUID) -> Connected | None:
        """The staff member's calendar; nobody else changes it or its claims until this transaction ends."""
        await self._lock_staff(place.staff_id)
        cursor = await self._connection.execute(
            _SELECT + "WHERE id = %s AND salon_id = %s AND staff_id = %s FOR UPDATE",
            [calendar_id, place.salon_id, place.staff_id],
        )
        row = await cursor.fetchone()
        return Connected(_calendar(row), row[-2], row[-1]) if row else None

    async def ask(self, calendar_id: UUID, now: datetime) -> None:
        """Make it due."""
        await self._connection.execute(
            "UPDATE external_calendars SET asked_at = %(now)s, next_refresh_at = %(now)s WHERE id = %(id)s",
            {"now": now, "id": calendar_id},
        )

    async def disconnect(self, calendar: ExternalCalendar, now: datetime, caller: Caller) -> None:
        """Forget its address, give its time back, close its conflicts, and write who did it."""
        parameters = {"now": now, "id": calendar.calendar_id, "staff_id": calendar.staff.staff_id}
        for statement in _DISCONNECT:
            await self._connection.execute(statement, parameters)
        await self._note("external_calendar.disconnected", calendar, caller)

    async def _lock_staff(self, staff_id: UUID) -> None:
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"external_calendars {staff_id}"]
        )

    async def _note(self, action: str, calendar: ExternalCalendar, caller: Caller) -> None:
        after = {"staff_id": str(calendar.staff.staff_id), "host": calendar.host, "name": calendar.name}
        salon_id = calendar.staff.salon_id
        entry = Entry(action, "external_calendar", calendar.calendar_id, salon_id, after=after)
        await audit.append(self._connection, caller, entry)


class ExternalCalendarsInDatabase(KeptAnswers):
    """See `kursi_booking.ports.external_calendars.ExternalCalendars`."""

    @asynccontextmanager
    async def work(self) -> AsyncIterator[ExternalCalendarTransaction]:
        """One transaction: a clean exit commits, an exception rolls back."""
        async with self._database.transaction() as connection:
            yield ExternalCalendarTransaction(connection)

    async def of_staff(self, place: StaffPlace) -> list[ExternalCalendar]:
        """Those that are connected, newest first."""
        statement = _SELECT + (
            "WHERE salon_id = %s AND staff_id = %s AND disconnected_at IS NULL ORDER BY id DESC"
        )
        async with self._database.reading() as connection:
            cursor = await connection.execute(statement, [place.salon_id, place.staff_id])
            return [_calendar(row) for row in await cursor.fetchall()]

    async def conflicts(self, salon_id: UUID, staff_id: UUID | None) -> list[CalendarConflict]:
        """What clashes as of now, soonest first."""
        parameters = {"salon_id": salon_id, "staff_id": staff_id, "most": _MOST_CONFLICTS}
        async with self._database.reading() as connection:
            cursor = await connection.execute(_CONFLICTS, parameters)
            return [
                CalendarConflict(conflict_id, StaffPlace(salon, staff), *rest)
                for conflict_id, salon, staff, *rest in await cursor.fetchall()
            ]


def _calendar(row: Sequence[Any]) -> ExternalCalendar:  # Any: a row has as many types as columns
    calendar_id, salon_id, staff_id, *rest = row[:-2]
    return ExternalCalendar(calendar_id, StaffPlace(salon_id, staff_id), *rest)
