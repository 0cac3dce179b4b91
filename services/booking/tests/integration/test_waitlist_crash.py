"""A process that is killed while offers are accepted leaves each one an offer or a booking: never both, never neither."""

import asyncio
import signal
import sys
from pathlib import Path

import psycopg
import pytest
from kursi_chassis.testing.eventually import eventually

ACCEPTER = Path(__file__).parent / "children" / "accepter.py"
# Everything that belongs to an entry, as it must be in either state.
TORN = """
SELECT e.id FROM waitlist_entries AS e JOIN waitlist_offers AS o ON o.entry_id = e.id
WHERE CASE e.state
    WHEN 'offered' THEN o.state <> 'open' OR e.booking_id IS NOT NULL OR e.revision <> 2
        OR (SELECT count(*) FROM claims WHERE offer_id = o.id AND state = 'held') <> 2
        OR EXISTS (SELECT FROM bookings WHERE customer_id = e.customer_id)
        OR EXISTS (SELECT FROM replies WHERE caller = 'user:' || e.customer_id)
    WHEN 'booked' THEN o.state <> 'accepted' OR e.revision <> 3
        OR (SELECT count(*) FROM claims WHERE booking_id = e.booking_id AND state = 'confirmed') <> 2
        OR EXISTS (SELECT FROM claims WHERE offer_id = o.id AND state <> 'released')
        OR NOT EXISTS (SELECT FROM bookings WHERE id = e.booking_id AND customer_id = e.customer_id)
        OR NOT EXISTS (SELECT FROM booking_history WHERE booking_id = e.booking_id)
        OR NOT EXISTS (SELECT FROM replies WHERE caller = 'user:' || e.customer_id)
        OR (SELECT count(*) FROM outbox WHERE aggregate_id IN (e.id, e.booking_id)) <> 4
    ELSE true END
"""
BOOKED = "SELECT id::text FROM waitlist_entries WHERE state = 'booked'"
UNCLAIMED = "SELECT count(*) FROM waitlist_entries WHERE state = 'offered'"


# What an acceptance writes last, before it commits: whoever has this lock stops it halfway.
HALFWAY = "LOCK TABLE waitlist_history IN SHARE MODE"
STOPPED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'waitlist_history'::regclass"
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'accepter'"


def one(connection, statement):
    return connection.execute(statement).fetchone()[0]


@pytest.mark.covers("B12", "2")
async def test_a_process_that_is_killed_halfway_leaves_the_offer_or_the_booking(databases, tmp_path):
    said = tmp_path / "acknowledged"
    with (
        databases.borrow("booking") as urls,
        psycopg.connect(urls.superuser, autocommit=True) as looking,
        psycopg.connect(urls.superuser) as stopping,
    ):
        with said.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                sys.executable, ACCEPTER, urls.app, stdin=asyncio.subprocess.PIPE, stdout=output
            )
            try:
                await eventually(lambda: len(said.read_text().splitlines()) > 30)
                stopping.execute(HALFWAY)
                child.stdin.write(b"on\n")
                await eventually(lambda: one(looking, STOPPED) == 1)
            finally:
                child.send_signal(signal.SIGKILL)
                await child.wait()
        stopping.rollback()
        await eventually(lambda: one(looking, CONNECTED) == 0)
        acknowledged = {line for line in said.read_text().splitlines() if len(line) == 36}
        booked = {entry_id for (entry_id,) in looking.execute(BOOKED)}
        torn = looking.execute(TORN).fetchall()
        left = one(looking, UNCLAIMED)
    assert torn == []
    assert booked == acknowledged
    assert left > 0
