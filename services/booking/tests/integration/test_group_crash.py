"""A process that is killed while it takes and gives back seats, or halfway through a series."""

import asyncio
import runpy
import signal
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from kursi_chassis.testing.eventually import eventually

CHILDREN = Path(__file__).parent / "children"
SESSION = """
INSERT INTO sessions (id, salon_id, salon_names, time_zone, territory_code, service_id, service_names, staff_id, staff_names,
    start_at, end_at, currency_code, price_minor, policy, capacity, state, cancellation_reason, revision, created_at,
    updated_at)
VALUES (uuidv7(), uuidv7(), '{}', 'Asia/Riyadh', 'SA', uuidv7(), '{}', uuidv7(), '{}', '2026-06-02', '2026-06-03', 'SAR',
    10000, '{"cancellation_window_seconds": 0, "reschedule_window_seconds": 0, "hold_seconds": 600, "auto_confirm": true,
    "prepayment": "none", "deposit_basis_points": 0, "late_cancellation_basis_points": 0, "no_show_basis_points": 0,
    "text": {}}', 10, 'scheduled', '', 1, now(), now())
RETURNING id
"""
COUNTED = """
SELECT taken, (SELECT coalesce(sum(seats), 0) FROM bookings WHERE state <> 'cancelled'),
       (SELECT coalesce(sum(active), 0) FROM customer_counters) * 3,
       (SELECT count(*) FROM bookings b WHERE revision <> (SELECT count(*) FROM booking_history WHERE booking_id = b.id)),
       (SELECT count(*) FROM bookings b WHERE revision <> (SELECT count(*) FROM outbox WHERE aggregate_id = b.id))
FROM sessions
"""
LEFT = """
SELECT (SELECT count(*) FROM booking_series), (SELECT count(*) FROM bookings), (SELECT count(*) FROM claims),
       (SELECT count(*) FROM replies), (SELECT count(*) FROM outbox), (SELECT count(*) FROM customer_counters)
"""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s"
WAITING = f"{OTHERS} AND wait_event_type = 'Lock'"


@asynccontextmanager
async def child(name, *arguments, output=None):
    """A child of the test, killed with -9 at the end of the block."""
    program = [sys.executable, CHILDREN / name, *arguments]
    process = await asyncio.create_subprocess_exec(*program, stdout=output)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.mark.covers("2", "B11")
async def test_a_process_killed_between_taking_and_giving_back_seats_leaks_none(databases, tmp_path):
    said = tmp_path / "acknowledged"
    with databases.borrow("booking") as urls, psycopg.connect(urls.app, autocommit=True) as connection:
        (session_id,) = connection.execute(SESSION).fetchone()
        with said.open("wb") as output:
            async with child("attendee.py", urls.app, str(session_id), output=output):
                await eventually(lambda: len(said.read_text().splitlines()) > 60)
        await eventually(lambda: connection.execute(OTHERS, ["%attendee%"]).fetchone() == (0,))
        lines = [line.split() for line in said.read_text().splitlines() if len(line) == 41]
        states = {
            str(booking_id): state
            for booking_id, state in connection.execute("SELECT id, state FROM bookings")
        }
        taken, counted, active, without_history, untold = connection.execute(COUNTED).fetchone()
    assert {booking_id for _, booking_id in lines} <= set(states)
    assert {states[booking_id] for what, booking_id in lines if what == "gave"} == {"cancelled"}
    assert taken == counted == active
    assert (without_history, untold) == (0, 0)


@pytest.mark.covers("2", "5", "B11")
async def test_a_process_killed_halfway_through_a_series_leaves_nothing_and_the_repetition_books_it(
    databases,
):
    regular = SimpleNamespace(**runpy.run_path(str(CHILDREN / "regular.py")))
    with databases.borrow("booking") as urls, psycopg.connect(urls.app) as connection:
        third = regular.DAY + timedelta(weeks=2)
        connection.execute(
            "INSERT INTO claims (resource_id, during, state) VALUES (%s, tstzrange(%s, %s), 'blocked')",
            [regular.STYLIST, third, third + timedelta(hours=1)],
        )
        async with child("regular.py", urls.app):
            with psycopg.connect(urls.app, autocommit=True) as looking:
                await eventually(lambda: looking.execute(WAITING, ["%regular%"]).fetchone() == (1,))
        connection.rollback()
        with psycopg.connect(urls.app, autocommit=True) as looking:
            await eventually(lambda: looking.execute(OTHERS, ["%regular%"]).fetchone() == (0,))
            assert looking.execute(LEFT).fetchone() == (0, 0, 0, 0, 0, 0)
            first, second = await regular.book_on(urls.app), await regular.book_on(urls.app)
            assert first == second
            assert looking.execute(LEFT).fetchone() == (1, 4, 8, 1, 5, 1)


@pytest.mark.covers("B11")
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("UPDATE sessions SET taken = 11", "sessions_taken"),
        ("UPDATE sessions SET taken = -1", "sessions_taken"),
        ("UPDATE sessions SET taken = 9, capacity = 8", "sessions_taken"),
        ("UPDATE sessions SET capacity = 501", "sessions_capacity"),
        ("UPDATE sessions SET state = 'postponed'", "sessions_state"),
    ],
)
def test_the_database_refuses_seats_that_are_not_there(databases, change, constraint):
    with databases.borrow("booking") as urls, psycopg.connect(urls.app) as connection:
        connection.execute(SESSION)
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            connection.execute(change)
        assert refused.value.diag.constraint_name == constraint


def test_the_history_of_sessions_is_only_ever_added_to(databases):
    with (
        databases.borrow("booking") as urls,
        psycopg.connect(urls.app) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM session_history")
