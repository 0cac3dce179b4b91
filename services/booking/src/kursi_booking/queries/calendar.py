"""What stands in a salon's calendar: services of visits in one statement, and everything else in another."""

from collections.abc import Collection, Sequence
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Database

from kursi_booking.domain.calendar import Block, CalendarEntry, Cause, WantedCalendar
from kursi_booking.domain.state import Channel, PaymentState, State
from kursi_booking.domain.time_range import TimeRange

# Of visits of less than a day the index on the start tells which may overlap the range; longer ones have an index of
# their own. OFFSET 0 keeps the planner from reading whole tables where it thinks that cheaper than many descents.
_ENTRIES: Final[LiteralString] = """
WITH visit AS (
    SELECT id FROM bookings
    WHERE salon_id = %(salon_id)s AND start_at >= %(start)s - interval '24 hours' AND start_at < %(end)s
        AND end_at > %(start)s AND state NOT IN ('cancelled', 'expired')
    UNION
    SELECT id FROM bookings
    WHERE salon_id = %(salon_id)s AND end_at - start_at > interval '24 hours' AND end_at > %(start)s
        AND start_at < %(end)s AND state NOT IN ('cancelled', 'expired')
)
SELECT i.booking_id, i.id, i.service_id, i.service_names, worker.staff_id, worker.names, worker.leads, i.start_at, i.end_at,
       b.start_at, b.end_at, b.state, b.payment_state, b.customer_id, b.guest_name, b.channel, b.note, b.revision
FROM visit
CROSS JOIN LATERAL (SELECT * FROM bookings WHERE id = visit.id OFFSET 0) AS b
CROSS JOIN LATERAL (SELECT * FROM booking_items WHERE booking_id = visit.id OFFSET 0) AS i
CROSS JOIN LATERAL (
    SELECT i.staff_id, i.staff_names AS names, true AS leads
    UNION ALL
    SELECT (assistant ->> 'staff_id')::uuid, assistant -> 'names', false
    FROM jsonb_array_elements(i.assistants) AS assistant
) AS worker
WHERE i.start_at < %(end)s AND i.end_at > %(start)s
    AND (cardinality(%(staff_ids)s::uuid[]) = 0 OR worker.staff_id = ANY (%(staff_ids)s))
ORDER BY i.start_at, i.booking_id, i.position, worker.leads DESC LIMIT %(most)s
"""

# As in the search for free times: one descent of the index on (resource, time) per person or thing.
_BLOCKS: Final[LiteralString] = """
SELECT unit.id, lower(c.during), upper(c.during),
       CASE WHEN c.session_id IS NOT NULL THEN 'session' WHEN c.offer_id IS NOT NULL THEN 'waiting_list'
            WHEN c.external_calendar_id IS NOT NULL THEN 'external_calendar' ELSE 'other' END, c.session_id
FROM unnest(%(unit_ids)s::uuid[]) AS unit (id)
JOIN claims AS c ON c.resource_id = unit.id AND c.during && tstzrange(%(start)s, %(end)s) AND c.state <> 'released'
WHERE c.booking_id IS NULL
ORDER BY 2, 1 LIMIT %(most)s
"""


class CalendarInDatabase:
    """See `kursi_booking.usecases.read_calendar.CalendarRows`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, wanted: WantedCalendar, most: int) -> Sequence[CalendarEntry]:
        """Up to `most` services of visits that overlap the range and were not called off, by start."""
        parameters = {
            "salon_id": wanted.salon_id,
            "staff_ids": list(wanted.staff_ids),
            "start": wanted.during.start,
            "end": wanted.during.end,
            "most": most,
        }
        async with self._database.reading() as connection:
            cursor = await connection.execute(_ENTRIES, parameters)
            return [
                CalendarEntry(
                    *(booking_id, item_id, service_id, service_names, staff_id, staff_names, leads),
                    during=TimeRange(start, end),
                    visit=TimeRange(visit_start, visit_end),
                    state=State(state),
                    payment_state=PaymentState(payment_state),
                    customer_id=customer_id,
                    guest_name=guest_name,
                    channel=Channel(channel),
                    note=note,
                    revision=revision,
                )
                for (
                    booking_id, item_id, service_id, service_names, staff_id, staff_names, leads, start, end, visit_start,
                    visit_end, state, payment_state, customer_id, guest_name, channel, note, revision,
                ) in await cursor.fetchall()
            ]  # fmt: skip

    async def blocks(self, unit_ids: Collection[UUID], during: TimeRange, most: int) -> Sequence[Block]:
        """Up to `most` other things that keep these people and things busy in the range, by start."""
        parameters = {"unit_ids": list(unit_ids), "start": during.start, "end": during.end, "most": most}
        async with self._database.reading() as connection:
            cursor = await connection.execute(_BLOCKS, parameters)
            return [
                Block(unit_id, TimeRange(start, end), Cause(cause), session_id)
                for unit_id, start, end, cause, session_id in await cursor.fetchall()
            ]
