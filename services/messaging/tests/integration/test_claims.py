"""Who comes first: priorities, salons in turn, and each person's messages one after the other."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from dispatch_stage import SALON
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.store import claims

LEASE = timedelta(seconds=30)
WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
# Whoever looks at a message waits until the test lets go: their statement has begun, and nothing is locked yet.
LOOKING_TAKES_TIME = """
CREATE FUNCTION look() RETURNS boolean LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END $$;
ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
CREATE POLICY looking ON notifications USING (look());
"""


async def claimed(stage, most: int) -> list:
    async with stage.database.transaction() as connection:
        rows = await claims.claim(connection, token=new_id(), lease=LEASE, most=most, now=stage.clock.now())
    order = {row.id: row for row in rows}
    return list(order)


async def backlog(
    stage, count: int, salon=SALON, priority: int = 0, age: timedelta = timedelta(hours=1)
) -> None:
    """Messages of a salon to as many people, long due."""
    await stage.execute(
        """
        INSERT INTO notifications (id, salon_id, recipient_id, audience, event, occurrence, channel, status,
                                   priority, due_at, facts, created_at, updated_at)
        SELECT gen_random_uuid(), %s, gen_random_uuid(), 'customer', 'manual', number::text, 'sms', 'pending',
               %s, now() - %s, '{}', now(), now()
        FROM generate_series(1, %s) AS number
        """,
        salon, priority, age, count,
    )  # fmt: skip


async def test_a_cancellation_overtakes_a_backlog_of_reminders(stage):
    await backlog(stage, 500, priority=2)
    cancellation = await stage.due(event="booking_cancelled", priority=0)
    assert cancellation in await claimed(stage, 10)


async def test_a_salon_with_a_backlog_does_not_delay_another_salon(stage):
    await backlog(stage, 500)
    other = await stage.due(salon_id=new_id())
    assert other in await claimed(stage, 10)


async def test_messages_to_one_person_go_out_one_after_the_other(stage):
    first, second = await stage.due(), await stage.due()
    mail = await stage.due(channel="email")
    assert set(await claimed(stage, 10)) == {first, mail}
    assert await claimed(stage, 10) == []
    await stage.execute(
        "UPDATE notifications SET status = 'sent', lease_token = NULL, lease_until = NULL WHERE id = %s",
        first,
    )
    assert await claimed(stage, 10) == [second]


async def test_two_claims_at_once_never_take_the_same_message(stage):
    await backlog(stage, 60)
    async with stage.database.transaction() as one, stage.database.transaction() as other:
        now = stage.clock.now()
        mine = await claims.claim(one, token=new_id(), lease=LEASE, most=40, now=now)
        theirs = await claims.claim(other, token=new_id(), lease=LEASE, most=40, now=now)
    assert (len(mine), len(theirs)) == (40, 20)
    assert not {row.id for row in mine} & {row.id for row in theirs}


TAKEN = "status = 'sending', lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"


@pytest.mark.parametrize("meanwhile", [TAKEN, "status = 'cancelled'", "due_at = now() + interval '1 hour'"])
async def test_what_somebody_decided_while_a_claim_was_looking_is_left_as_it_is(stage, meanwhile):
    """The claim has seen it waiting and due, and gets it only now that the other one has let go of it."""
    await stage.due()
    async with await psycopg.AsyncConnection.connect(stage.urls.superuser, autocommit=True) as other:
        await other.execute(LOOKING_TAKES_TIME)
        await other.execute("SELECT pg_advisory_lock(1)")
        claiming = asyncio.create_task(claimed(stage, 10))
        await eventually(lambda: stage.select(WAITING))
        await other.execute(f"UPDATE notifications SET {meanwhile}")
        await other.execute("SELECT pg_advisory_unlock(1)")
        assert await claiming == []


@pytest.mark.parametrize("status", ["pending", "scheduled", "deferred"])
async def test_nothing_is_claimed_before_it_is_due(stage, status):
    await stage.due(status=status, due_at=stage.clock.now() + timedelta(seconds=30))
    assert await claimed(stage, 10) == []


async def taken_over(stage) -> list:
    async with stage.database.autocommit() as connection:
        return await claims.reap(connection, token=new_id(), lease=LEASE, most=10)


@pytest.mark.covers("X15")
async def test_who_takes_a_lost_message_over_has_a_whole_lease_to_find_out(stage):
    message = await stage.due()
    await claimed(stage, 10)
    assert await taken_over(stage) == []
    await stage.execute("UPDATE notifications SET lease_until = now() - interval '1 second'")
    assert [row.id for row in await taken_over(stage)] == [message]
    assert await taken_over(stage) == []


@pytest.mark.covers("X15")
@pytest.mark.parametrize(
    ("outcome", "in_doubt"), [(None, True), ("ambiguous", True), ("retryable", False), ("refused", False)]
)
async def test_only_a_try_whose_end_nobody_knows_is_in_doubt(stage, outcome, in_doubt):
    message = await stage.due()
    await claimed(stage, 10)
    await stage.execute(
        "INSERT INTO attempts (notification_id, number, provider, lease_token, dispatched_at, finished_at, outcome) "
        "VALUES (%s, 1, 'twilio', %s, now(), now(), %s)",
        *(message, new_id(), outcome),
    )
    await stage.execute(
        "UPDATE notifications SET attempt_count = 1, lease_until = now() - interval '1 second'"
    )
    (row,) = await taken_over(stage)
    assert (row.dispatched_at is not None) is in_doubt
