"""Years of bookings of many salons, made by PostgreSQL itself: what a booking database holds after a long time.

What stays in a running system is what is written here: bookings with their items, the claims of visits to come and the
released ones of those that are over, the names under which was booked. History, events and answers are left out: they
grow too, but nothing measured reads them, and the last two are swept.

Rows are written in the order of their making, one half of the salons after the other, so that those of one salon lie far
apart, as they do in life. Indexes and
constraints are taken away before and made again after; the definitions come from the catalogs, not from a copy here.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, LiteralString

import psycopg
from psycopg.rows import dict_row

from bench.stage import midnight_ahead

TABLES: Final = ("bookings", "booking_items", "claims")
POLITE: Final = 10


@dataclass(frozen=True)
class Trade:
    """A salon with a history: `visits` of them, `per_day` a day until 30 days from now, one hour each."""

    salon_id: str
    staff_ids: Sequence[str]
    service_ids: Sequence[str]
    visits: int
    per_day: int
    regular_id: str | None = None
    """A customer who has one in two hundred of the visits."""


PLAN: Final = """
CREATE UNLOGGED TABLE bench_trades (
    salon_id uuid, staff uuid[], services uuid[], visits int, per_day int, regular_id uuid, begin timestamptz, half int
)"""

# `n` counts a salon's visits from the first one; `h` is all that is random.
VISITS: Final = """
CREATE UNLOGGED TABLE bench_visits_{half} AS
SELECT uuidv7(created_at - now()) AS id, made.* FROM (
    SELECT began.*, start_at + interval '1 hour' AS end_at, start_at - (h % 20160 + 60) * interval '1 minute' AS created_at,
           CASE WHEN start_at <= now() THEN ('{{completed,completed,completed,completed,completed,completed,completed,cancelled,'
                'no_show,expired}}'::text[])[1 + h % 10]
                ELSE ('{{confirmed,confirmed,confirmed,confirmed,confirmed,confirmed,confirmed,confirmed,pending,'
                'cancelled}}'::text[])[1 + h % 10] END AS state
    FROM (
        SELECT t.salon_id, t.staff[1 + (n % t.per_day + n / t.per_day) % cardinality(t.staff)] AS staff_id,
               t.services[1 + n % cardinality(t.services)] AS service_id,
               CASE WHEN n % 200 = 7 AND t.regular_id IS NOT NULL THEN t.regular_id
                    ELSE md5(t.salon_id::text || abs(hashint4(n)) % (1 + t.visits / 12))::uuid END AS customer_id,
               t.begin + make_interval(days => n / t.per_day, hours => (n % t.per_day) / cardinality(t.staff)) AS start_at,
               abs(hashint4(n)) AS h,
               CASE WHEN n % 5000 = 4 THEN 'allergic to henna' WHEN n % 10 = 3 THEN 'a window seat, please' ELSE '' END AS note
        FROM bench_trades AS t CROSS JOIN LATERAL generate_series(0, t.visits - 1) AS n
        WHERE t.half = {half} OFFSET 0
    ) AS began
) AS made ORDER BY created_at
"""

BOOKINGS: Final = """
INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at, salon_names, time_zone,
    territory_code, currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments, policy, channel, note,
    cancellation_reason, created_at, updated_at)
SELECT id, salon_id, customer_id, state, 'not_required', 2, start_at, end_at, '{"en": "Bench", "ar": "بنش"}', 'Asia/Riyadh',
    'SA', 'SAR', 10000, 0, 0, 0, '{}', '{"cancellation_window_seconds": 86400, "reschedule_window_seconds": 86400,
    "hold_seconds": 900, "auto_confirm": true, "prepayment": "none", "deposit_basis_points": 0,
    "late_cancellation_basis_points": 0, "no_show_basis_points": 0, "text": {"en": "Be on time."}}', 'customer', note, '',
    created_at, created_at
FROM (TABLE bench_visits_0 UNION ALL TABLE bench_visits_1) AS made
"""
ITEMS: Final = """
INSERT INTO booking_items (booking_id, position, id, service_id, service_names, staff_id, staff_names, add_on_ids, start_at,
    end_at, price_minor, visit_start_at)
SELECT id, 0, id, service_id, '{"en": "Haircut", "ar": "قص الشعر"}', staff_id, '{"en": "Staff", "ar": "موظف"}', '{}', start_at,
    end_at, 10000, start_at
FROM (TABLE bench_visits_0 UNION ALL TABLE bench_visits_1) AS made
"""
CLAIMS: Final = """
INSERT INTO claims (id, booking_id, resource_id, during, state)
SELECT id, id, staff_id, tstzrange(start_at, end_at),
    CASE WHEN state IN ('pending', 'confirmed') THEN state ELSE 'released' END
FROM (TABLE bench_visits_0 UNION ALL TABLE bench_visits_1) AS made
"""
NAMES: Final = """
INSERT INTO booked_names (salon_id, subject_id, kind, spelling, words)
SELECT DISTINCT salon_id, id, kind, 0, words FROM (
    SELECT salon_id, unnest(staff) AS id, 'staff' AS kind, search_key('Staff موظف') AS words FROM bench_trades
    UNION ALL SELECT salon_id, unnest(services), 'service', search_key('Haircut قص الشعر') FROM bench_trades
) AS named
"""

INDEXES: Final = """
SELECT c.conrelid::regclass::text AS of, c.conname AS name, pg_get_constraintdef(c.oid) AS made, 'CONSTRAINT' AS kind,
       c.contype = 'f' AS refers
FROM pg_constraint AS c
WHERE (c.conrelid::regclass::text = ANY (%(tables)s) OR c.confrelid::regclass::text = ANY (%(tables)s))
    AND c.contype IN ('p', 'u', 'x', 'f')
UNION ALL
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), 'INDEX', false
FROM pg_index AS i
WHERE i.indrelid::regclass::text = ANY (%(tables)s)
    AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
"""


def grow(url: str, trades: Sequence[Trade]) -> dict[str, float]:
    """Write the trades into a booking database, as its superuser. The seconds that each part took."""
    spent: dict[str, float] = {}
    with _session(url) as connection:
        with _timed(spent, "visits"):
            _plan(connection, trades)
            _both(url, [VISITS.format(half=0)], [VISITS.format(half=1)])
        kept = connection.cursor(row_factory=dict_row).execute(INDEXES, {"tables": list(TABLES)}).fetchall()
        refers = [one for one in kept if one["refers"]]
        others = [one for one in kept if not one["refers"]]
        for one in [*refers, *others]:
            connection.execute(_drop(one))
        with _timed(spent, "rows"):
            _both(url, [BOOKINGS], [ITEMS, CLAIMS, NAMES])
        with _timed(spent, "indexes"):
            mine = [_make(one) for one in others if one["of"] == "bookings"]
            theirs = [_make(one) for one in others if one["of"] != "bookings"]
            _both(url, mine, theirs)
        for one in refers:
            connection.execute(f"{_make(one)} NOT VALID")
        with _timed(spent, "vacuum"):
            connection.execute("DROP TABLE bench_visits_0, bench_visits_1, bench_trades")
            _both(url, ["VACUUM ANALYZE bookings"], ["VACUUM ANALYZE booking_items", "VACUUM ANALYZE claims"])
            connection.execute("ANALYZE booked_names")
            connection.execute("CHECKPOINT")
    return {name: round(seconds) for name, seconds in spent.items()}


def _plan(connection: psycopg.Connection, trades: Sequence[Trade]) -> None:
    connection.execute(PLAN)
    rows = [
        (
            *(
                one.salon_id,
                list(one.staff_ids),
                list(one.service_ids),
                one.visits,
                one.per_day,
                one.regular_id,
            ),
            *(midnight_ahead(30 - one.visits // one.per_day) + timedelta(hours=6), number % 2),
        )
        for number, one in enumerate(trades)
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO bench_trades VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)


def _drop(one: dict[str, str]) -> LiteralString:
    if one["kind"] == "CONSTRAINT":
        return f"ALTER TABLE {one['of']} DROP CONSTRAINT {one['name']}"
    return f"DROP INDEX {one['name']}"


def _make(one: dict[str, str]) -> LiteralString:
    if one["kind"] == "CONSTRAINT":
        return f"ALTER TABLE {one['of']} ADD CONSTRAINT {one['name']} {one['made']}"
    return one["made"]


def _both(url: str, mine: Sequence[LiteralString], theirs: Sequence[LiteralString]) -> None:
    """Two sessions side by side. Raises: whatever one of them raised."""
    errors: list[BaseException] = []

    def run(statements: Sequence[LiteralString]) -> None:
        try:
            with _session(url) as connection:
                for statement in statements:
                    connection.execute(statement)
        except psycopg.Error as error:
            errors.append(error)

    other = threading.Thread(target=run, args=(theirs,))
    other.start()
    run(mine)
    other.join()
    if errors:
        raise errors[0]


@contextmanager
def _session(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        # Foreign keys and triggers would look at each row; the rows are right by the way they are made.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute("SET work_mem = '512MB'")
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, connection.info.backend_pid, POLITE)
        yield connection


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    spent[name] = time.perf_counter() - began
