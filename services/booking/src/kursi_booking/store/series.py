"""Series in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from psycopg.types.json import Jsonb

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.errors import TooManyBookings
from kursi_booking.domain.series import LeftOut, Mode, Series, Upcoming
from kursi_booking.ports.bookings import TimeTaken
from kursi_booking.ports.series import NewSeries, SeriesFilter, VisitRefused
from kursi_booking.store.rows import SELECT_BOOKINGS, booking
from kursi_booking.store.staff_days import without_room
from kursi_booking.store.work import BookingWork

_INSERT: Final[LiteralString] = """
INSERT INTO booking_series (id, salon_id, customer_id, time_zone, first_start_at, every_weeks, mode, left_out, created_by,
                            created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_COLUMNS: Final[LiteralString] = (
    "s.id, s.salon_id, s.customer_id, s.time_zone, s.first_start_at, s.every_weeks, s.mode, s.left_out, s.created_by, "
    "s.created_at"
)
_PAGE: Final[LiteralString] = f"""
SELECT {_COLUMNS}, coming.number, coming.next_start
FROM booking_series AS s CROSS JOIN LATERAL (
    SELECT count(*) AS number, min(b.start_at) AS next_start FROM bookings AS b
    WHERE b.series_id = s.id AND b.state IN ('held', 'pending', 'confirmed') AND b.start_at > %(now)s
) AS coming
WHERE {{where}} AND (%(after)s::uuid IS NULL OR s.id < %(after)s)
ORDER BY s.id DESC LIMIT %(size)s
"""  # noqa: S608 -- put together from constants
_OF_SALON: Final[LiteralString] = (
    "s.salon_id = %(salon_id)s AND (%(customer_id)s::uuid IS NULL OR s.customer_id = %(customer_id)s)"
)
_OF_CUSTOMER: Final[LiteralString] = "s.customer_id = %(customer_id)s"


class SeriesInDatabase:
    """See `kursi_booking.ports.series.SeriesStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: NewSeries) -> bytes:
        """Write a series and all its visits in one transaction, and return its answer.

        The order of locks is that of a single booking: the days, the answer's row, the locks of all visits together,
        sorted, then the customer's counter and the claims, visit by visit. Raises: VisitRefused.
        """
        async with self._database.transaction() as connection:
            full = await without_room(connection, [visit.room for visit in new.visits])
            if full is not None:
                raise VisitRefused(full)
            work = BookingWork(connection)
            kept = await work.kept_answer(new.request)
            if kept is not None:
                return kept
            await _insert(connection, new.series)
            await work.lock_times([claim for visit in new.visits for claim in visit.claims])
            for number, visit in enumerate(new.visits):
                try:
                    await work.add(visit)
                except (TimeTaken, TooManyBookings) as error:
                    raise VisitRefused(number) from error
            await work.tell(new.event)
            await work.keep_answer(new.request, new.answer)
            return new.answer

    async def find(self, series_id: UUID) -> Series | None:
        """The series."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                f"SELECT {_COLUMNS} FROM booking_series AS s WHERE s.id = %s",  # noqa: S608 -- a constant
                [series_id],
            )
            row = await cursor.fetchone()
        return _series(row) if row else None

    async def bookings_of(self, series_id: UUID) -> list[Booking]:
        """Its bookings by start, without locks."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                SELECT_BOOKINGS + "WHERE b.series_id = %s ORDER BY b.start_at, b.id", [series_id]
            )
            return [booking(row) for row in await cursor.fetchall()]

    async def page(
        self, wanted: SeriesFilter, after: UUID | None, size: int, now: datetime
    ) -> list[tuple[Series, Upcoming]]:
        """Up to `size` series that fit, the newest first: ids grow with time."""
        statement = _PAGE.format(where=_OF_CUSTOMER if wanted.salon_id is None else _OF_SALON)
        parameters = {
            "salon_id": wanted.salon_id,
            "customer_id": wanted.customer_id,
            "after": after,
            "size": size,
            "now": now,
        }
        async with self._database.reading() as connection:
            cursor = await connection.execute(statement, parameters)
            return [(_series(row[:-2]), Upcoming(*row[-2:])) for row in await cursor.fetchall()]


async def _insert(connection: Connection, series: Series) -> None:
    await connection.execute(
        _INSERT,
        [
            series.series_id,
            series.salon_id,
            series.customer_id,
            series.time_zone,
            series.first_start,
            series.every_weeks,
            series.mode.value,
            Jsonb([_left_out_document(one) for one in series.left_out]),
            series.created_by,
            series.created_at,
        ],
    )


def _series(row: Sequence[Any]) -> Series:  # Any: a row has as many types as columns
    (
        series_id, salon_id, customer_id, zone, first_start, every_weeks, mode, left_out, created_by, created_at,
    ) = row  # fmt: skip
    return Series(
        series_id=series_id,
        salon_id=salon_id,
        customer_id=customer_id,
        time_zone=zone,
        first_start=first_start,
        every_weeks=every_weeks,
        mode=Mode(mode),
        left_out=tuple(_left_out(one) for one in left_out),
        created_by=created_by,
        created_at=created_at,
    )


def _left_out_document(one: LeftOut) -> dict[str, str]:
    """Without the alternatives: what was free then says nothing later."""
    return {"start": one.start.isoformat(), "reason": one.reason, "rule": one.rule}


def _left_out(document: Mapping[str, str]) -> LeftOut:
    return LeftOut(datetime.fromisoformat(document["start"]), document["reason"], document["rule"])
