"""The numbers of reports, added up by the database.

Each walks one range of an index on a salon's starts, and `returning_customers` one on its completed visits; nothing of
another salon is read. OFFSET 0 keeps the planner from joining a year of visits
with all items that there are, which it takes for cheaper until the table is large.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Database

from kursi_booking.domain.report import Grouping, LocalDays, Names, ReportName, ReportRow, WantedReport

# What was never paid for was never booked; the other lists say what counts where not all of the rest does.
_ALL: Final[LiteralString] = "('pending', 'confirmed', 'checked_in', 'completed', 'no_show', 'cancelled')"
_DUE: Final[LiteralString] = "('checked_in', 'completed', 'no_show')"
_WANTED: Final[LiteralString] = "('confirmed', 'checked_in', 'completed')"
_BOOKED: Final[LiteralString] = "('pending', 'confirmed', 'checked_in', 'completed', 'no_show')"

_STATES: Final[Mapping[ReportName, LiteralString]] = {
    ReportName.BOOKINGS: _ALL,
    ReportName.CANCELLATIONS: _ALL,
    ReportName.NO_SHOWS: _DUE,
    ReportName.REVENUE: _WANTED,
    ReportName.LEAD_TIME: _ALL,
    ReportName.RETURNING_CUSTOMERS: _WANTED,
}

_VISITS: Final[LiteralString] = """
visit AS (
    SELECT b.id, b.state, b.customer_id, b.start_at, b.created_at, b.fee_minor, b.total_minor, b.currency_code
    FROM bookings AS b
    WHERE b.salon_id = %(salon_id)s AND b.start_at >= %(start)s AND b.start_at < %(end)s AND b.state IN {states}
)"""

# Days are told by where they begin: the database may know other rules for the zone than who asks.
_DAY: Final[LiteralString] = (
    "(%(first)s::date + width_bucket(v.start_at, %(bounds)s::timestamptz[]) - 1)::text"
)
_BY_SERVICE: Final[LiteralString] = """
visit AS v CROSS JOIN LATERAL (SELECT DISTINCT service_id::text AS key FROM booking_items WHERE booking_id = v.id) AS k"""
_BY_STAFF: Final[LiteralString] = """
visit AS v CROSS JOIN LATERAL (SELECT DISTINCT staff_id::text AS key FROM booking_items WHERE booking_id = v.id) AS k"""
_KEYS: Final[Mapping[Grouping, tuple[LiteralString, LiteralString]]] = {
    Grouping.EVERYTHING: ("''", "visit AS v"),
    Grouping.DAY: (_DAY, "visit AS v"),
    Grouping.SERVICE: ("k.key", _BY_SERVICE),
    Grouping.STAFF: ("k.key", _BY_STAFF),
}
_LEAD: Final[LiteralString] = "greatest(floor(extract(epoch FROM v.start_at - v.created_at)), 0)"

_COUNTS: Final[Mapping[ReportName, LiteralString]] = {
    ReportName.BOOKINGS: """
        count(*), count(*) FILTER (WHERE v.state = 'pending'), count(*) FILTER (WHERE v.state = 'confirmed'),
        count(*) FILTER (WHERE v.state = 'checked_in'), count(*) FILTER (WHERE v.state = 'completed'),
        count(*) FILTER (WHERE v.state = 'no_show'), count(*) FILTER (WHERE v.state = 'cancelled')""",
    ReportName.CANCELLATIONS: """
        count(*), count(*) FILTER (WHERE v.state = 'cancelled'),
        count(*) FILTER (WHERE v.state = 'cancelled' AND v.fee_minor > 0),
        coalesce(count(*) FILTER (WHERE v.state = 'cancelled') * 10000 / nullif(count(*), 0), 0)""",
    ReportName.NO_SHOWS: """
        count(*), count(*) FILTER (WHERE v.state = 'no_show'),
        coalesce(count(*) FILTER (WHERE v.state = 'no_show') * 10000 / nullif(count(*), 0), 0)""",
    ReportName.LEAD_TIME: f"""
        count(*), coalesce(sum({_LEAD}) / nullif(count(*), 0), 0),
        coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY {_LEAD}), 0)""",
}

_MONEY: Final[LiteralString] = (
    "count(*), sum(v.total_minor), coalesce(sum(v.total_minor) FILTER (WHERE v.state = 'completed'), 0)"
)
_MONEY_OF_ITEMS: Final[LiteralString] = """
count(DISTINCT v.id), sum(i.price_minor), coalesce(sum(i.price_minor) FILTER (WHERE v.state = 'completed'), 0)"""
_ITEMS: Final[LiteralString] = """
visit AS v CROSS JOIN LATERAL (SELECT * FROM booking_items WHERE booking_id = v.id OFFSET 0) AS i"""
_REVENUE: Final[Mapping[Grouping, tuple[LiteralString, LiteralString, LiteralString]]] = {
    Grouping.EVERYTHING: ("''", "visit AS v", _MONEY),
    Grouping.DAY: (_DAY, "visit AS v", _MONEY),
    Grouping.SERVICE: ("i.service_id::text", _ITEMS, _MONEY_OF_ITEMS),
    Grouping.STAFF: ("i.staff_id::text", _ITEMS, _MONEY_OF_ITEMS),
}

# A customer returns when their first completed visit here lies before the first one that counts.
_RETURNING: Final[LiteralString] = """
, keyed AS (
    SELECT {key} AS key, v.customer_id, min(v.start_at) AS first FROM {source} GROUP BY 1, 2
), known AS MATERIALIZED (
    SELECT one.customer_id, (
        SELECT min(p.start_at) FROM bookings AS p
        WHERE p.salon_id = %(salon_id)s AND p.customer_id = one.customer_id AND p.state = 'completed') AS since
    FROM (SELECT DISTINCT customer_id FROM visit) AS one
)
SELECT key, '', count(*), count(*) FILTER (WHERE since < first), count(*) FILTER (WHERE since IS NULL OR since >= first)
FROM keyed JOIN known USING (customer_id) GROUP BY key ORDER BY key"""

# Each person's booked time by local day, by its number.
_BOOKED_TIME: Final[LiteralString] = f"""
WITH visit AS (
    SELECT id FROM bookings
    WHERE salon_id = %(salon_id)s AND start_at >= %(start)s - interval '24 hours' AND start_at < %(end)s
        AND end_at > %(start)s AND state IN {_BOOKED}
    UNION
    SELECT id FROM bookings
    WHERE salon_id = %(salon_id)s AND end_at - start_at > interval '24 hours' AND end_at > %(start)s
        AND start_at < %(end)s AND state IN {_BOOKED}
), covered AS (
    SELECT worker.staff_id, %(first)s::date + local.number - 1 AS day, range_agg(tstzrange(
               greatest(i.start_at, (%(bounds)s::timestamptz[])[local.number]),
               least(i.end_at, (%(bounds)s::timestamptz[])[local.number + 1]))) AS times
    FROM visit CROSS JOIN LATERAL (SELECT * FROM booking_items WHERE booking_id = visit.id OFFSET 0) AS i
    CROSS JOIN LATERAL (
        SELECT i.staff_id
        UNION ALL SELECT (assistant ->> 'staff_id')::uuid FROM jsonb_array_elements(i.assistants) AS assistant
    ) AS worker
    CROSS JOIN LATERAL generate_series(
        width_bucket(i.start_at, %(bounds)s::timestamptz[]),
        width_bucket(i.end_at - interval '1 microsecond', %(bounds)s::timestamptz[])) AS local (number)
    WHERE local.number BETWEEN 1 AND cardinality(%(bounds)s::timestamptz[]) - 1
    GROUP BY 1, 2
)
SELECT staff_id, day, (SELECT sum(extract(epoch FROM upper(t) - lower(t)))::bigint FROM unnest(times) AS t) FROM covered
"""  # noqa: S608 -- put together from constants

_NAMES: Final[Mapping[Grouping, LiteralString]] = {
    Grouping.SERVICE: """
        SELECT subject.id, last.names FROM unnest(%(ids)s::uuid[]) AS subject (id) CROSS JOIN LATERAL (
            SELECT i.service_names AS names FROM booking_items AS i
            WHERE i.service_id = subject.id AND i.visit_start_at < %(end)s
            ORDER BY i.visit_start_at DESC, i.booking_id DESC LIMIT 1) AS last""",
    Grouping.STAFF: """
        SELECT subject.id, last.names FROM unnest(%(ids)s::uuid[]) AS subject (id) CROSS JOIN LATERAL (
            SELECT i.staff_names AS names FROM booking_items AS i
            WHERE i.staff_id = subject.id AND i.visit_start_at < %(end)s
            ORDER BY i.visit_start_at DESC, i.booking_id DESC LIMIT 1) AS last""",
}


class ReportsInDatabase:
    """See `kursi_booking.usecases.get_report.ReportNumbers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, wanted: WantedReport, days: LocalDays, grouping: Grouping) -> list[ReportRow]:
        """The lines of any report but utilisation, by key."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(
                _statement(wanted.name, grouping), _parameters(wanted, days), prepare=False
            )
            return [
                ReportRow(key, tuple(int(value) for value in values), currency_code)
                for key, currency_code, *values in await cursor.fetchall()
            ]

    async def booked_seconds(self, wanted: WantedReport, days: LocalDays) -> Mapping[tuple[UUID, date], int]:
        """How much of each day each person is booked."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(_BOOKED_TIME, _parameters(wanted, days), prepare=False)
            return {(staff_id, day): seconds for staff_id, day, seconds in await cursor.fetchall()}

    async def names(self, grouping: Grouping, ids: Sequence[UUID], days: LocalDays) -> Mapping[UUID, Names]:
        """The names under which services or people were booked last before the days are over."""
        async with self._database.reading() as connection:
            cursor = await connection.execute(_NAMES[grouping], {"ids": list(ids), "end": days.end})
            return dict(await cursor.fetchall())


def _parameters(wanted: WantedReport, days: LocalDays) -> dict[str, object]:
    return {
        "salon_id": wanted.salon_id,
        "start": days.begins[0],
        "end": days.end,
        "first": days.days[0],
        "bounds": [*days.begins, days.end],
    }


def _statement(name: ReportName, grouping: Grouping) -> LiteralString:
    visits: LiteralString = "WITH " + _VISITS.replace("{states}", _STATES[name])
    key, source = _KEYS[grouping]
    if name is ReportName.RETURNING_CUSTOMERS:
        return visits + _RETURNING.replace("{key}", key).replace("{source}", source)
    if name is ReportName.REVENUE:
        key, source, money = _REVENUE[grouping]
        return f"{visits} SELECT {key}, v.currency_code, {money} FROM {source} GROUP BY 1, 2 ORDER BY 1, 2"  # noqa: S608
    return f"{visits} SELECT {key}, '', {_COUNTS[name]} FROM {source} GROUP BY 1 ORDER BY 1"  # noqa: S608
