"""Comparing the outbox with the stream, however much is kept."""

from datetime import timedelta

import psycopg
import pytest
from kursi_chassis.events import outbox
from kursi_chassis.events.reconciler import Reconciler
from kursi_chassis.events.streams import Stream, ensure_stream

STREAM = Stream(name="TEST", subjects=("kursi.test.v1.>",))
KEPT = 400
MANY = 200
"""More than the newest numbers and the sample together, less than what is kept."""

ROWS_READ = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = 'outbox'"


async def test_a_comparison_does_not_read_all_that_is_kept(
    database, urls, nats_client, an_event, monkeypatch
):
    """A relay begins with one, in one statement, which may take no longer than any other."""
    monkeypatch.setattr("kursi_chassis.events.reconciler.NEWEST_NUMBERS", 20)
    await publish(database, nats_client, [an_event() for _ in range(KEPT)])
    with psycopg.connect(urls.owner, autocommit=True) as owner:
        owner.execute("ANALYZE outbox")
    async with database.transaction() as connection:
        # All of a small table is read soon; of a large one PostgreSQL would never think so.
        await connection.execute("SET LOCAL enable_seqscan = off")
        assert await Reconciler(nats_client, STREAM, every=timedelta(minutes=1)).run_once(connection) == 0
        [(read,)] = await (await connection.execute(ROWS_READ)).fetchall()
    assert 0 < read < MANY


async def test_an_event_whose_number_was_given_to_another_is_found_far_below_the_end(
    database, nats_client, an_event
):
    """The stream had only this one, lost it, and got more than the newest that are looked up one by one."""
    lost = an_event()
    async with database.transaction() as connection:
        await outbox.append(connection, lost)
        await connection.execute("UPDATE outbox SET published_at = now(), stream_seq = 1")
    await publish(database, nats_client, [an_event() for _ in range(40)])
    async with database.transaction() as connection:
        assert await Reconciler(nats_client, STREAM, every=timedelta(minutes=1)).run_once(connection) == 1
        unpublished = await connection.execute("SELECT event_id FROM outbox WHERE published_at IS NULL")
        assert await unpublished.fetchall() == [(lost.event_id,)]


@pytest.fixture
def at_most_two_at_once(urls, monkeypatch):
    """No statement may change more rows of the outbox."""
    monkeypatch.setattr("kursi_chassis.events.reconciler.AT_ONCE", 2)
    with psycopg.connect(urls.owner, autocommit=True) as owner:
        owner.execute("""
            CREATE FUNCTION at_most_two() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                ASSERT (SELECT count(*) <= 2 FROM changed); RETURN NULL;
            END $$;
            CREATE TRIGGER at_most_two AFTER UPDATE ON outbox REFERENCING NEW TABLE AS changed
                FOR EACH STATEMENT EXECUTE FUNCTION at_most_two()""")
        yield
        owner.execute("DROP FUNCTION at_most_two CASCADE")


async def test_all_that_was_lost_is_given_back_little_by_little(
    database, nats_client, an_event, at_most_two_at_once
):
    """However much it is, no statement takes too long."""
    await ensure_stream(nats_client.jetstream(), STREAM)
    lost = [an_event() for _ in range(5)]
    for event in lost:
        async with database.transaction() as connection:
            await outbox.append(connection, event)
            await connection.execute(
                "UPDATE outbox SET published_at = now(), stream_seq = id WHERE published_at IS NULL"
            )
    async with database.session() as connection:
        reconciler = Reconciler(nats_client, STREAM, every=timedelta(minutes=1))
        assert await reconciler.run_once(connection) == len(lost)
        assert await reconciler.run_once(connection) == 0


async def publish(database, client, events):
    """What a relay does, without one that compares, too."""
    jetstream = client.jetstream()
    await ensure_stream(jetstream, STREAM)
    for event in events:
        await jetstream.publish(event.subject, event.payload, headers={"Nats-Msg-Id": str(event.event_id)})
    async with database.transaction() as connection:
        before = await (await connection.execute("SELECT coalesce(max(id), 0) FROM outbox")).fetchall()
        await outbox.append(connection, *events)
        await connection.execute(
            "UPDATE outbox SET published_at = now(), stream_seq = id - %s WHERE published_at IS NULL", *before
        )
