"""A process that is killed while it books leaves whole bookings or nothing, and all that it acknowledged."""

import asyncio
import signal
import sys
from pathlib import Path

import psycopg
import pytest
from kursi_chassis.testing.eventually import eventually

BOOKER = Path(__file__).parent / "children" / "booker.py"
PARTIAL = """
SELECT count(*) FROM bookings AS b WHERE
    (SELECT count(*) FROM claims AS c WHERE c.booking_id = b.id) <> 2
    OR (SELECT count(*) FROM booking_items AS i WHERE i.booking_id = b.id) <> 1
    OR (SELECT count(*) FROM booking_history AS h WHERE h.booking_id = b.id) <> 1
    OR (SELECT count(*) FROM outbox AS o WHERE o.aggregate_id = b.id) <> 1
"""
COUNTS = """
SELECT (SELECT count(*) FROM bookings), (SELECT count(*) FROM replies), (SELECT sum(active) FROM customer_counters),
       (SELECT count(*) FROM claims) / 2, (SELECT count(*) FROM outbox)
"""


@pytest.mark.covers("2", "3", "B6")
async def test_a_killed_process_leaves_whole_bookings_and_all_that_it_acknowledged(databases, tmp_path):
    said = tmp_path / "acknowledged"
    with databases.borrow("booking") as urls:
        with said.open("wb") as output:
            child = await asyncio.create_subprocess_exec(sys.executable, BOOKER, urls.app, stdout=output)
            try:
                await eventually(lambda: len(said.read_text().splitlines()) > 50)
            finally:
                child.send_signal(signal.SIGKILL)
                await child.wait()
        acknowledged = {line for line in said.read_text().splitlines() if len(line) == 36}
        with psycopg.connect(urls.app) as connection:
            # The server may still be finishing the last statement of a client that is gone.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            kept = {str(booking_id) for (booking_id,) in connection.execute("SELECT id FROM bookings")}
            (partial,) = connection.execute(PARTIAL).fetchone()
            counts = connection.execute(COUNTS).fetchone()
    assert acknowledged <= kept
    assert len(kept - acknowledged) <= 1
    assert partial == 0
    assert set(counts) == {len(kept)}
