"""What was kept long enough is forgotten, and nothing else."""

from datetime import timedelta

import pytest
from kursi_chassis.ids import new_id
from kursi_messaging.jobs.retention import Retention
from messaging_events import NOW, booking


@pytest.fixture
def retention(messaging):
    return Retention(
        messaging.database, messaging.clock, kept=timedelta(days=90), customers_kept=timedelta(days=730)
    )


@pytest.mark.covers("Q11")
async def test_messages_are_forgotten_with_their_tries_90_days_after_their_outcome(messaging, retention):
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()))
    [done, recent, *_] = [row["id"] for row in await messaging.rows()]
    await messaging.execute(
        "UPDATE notifications SET status = 'skipped', skip_reason = 'no_phone' WHERE id = ANY (%s)",
        [done, recent],
    )
    await messaging.execute(
        "INSERT INTO attempts (notification_id, number, provider, lease_token, dispatched_at) "
        "VALUES (%s, 1, 'twilio', uuidv7(), now())",
        done,
    )
    await messaging.execute(
        "UPDATE notifications SET updated_at = %s WHERE id = %s", NOW + timedelta(days=5), recent
    )
    messaging.clock.set(NOW + timedelta(days=90))
    await retention.run()
    assert len(await messaging.rows()) == 4
    messaging.clock.advance(timedelta(seconds=1))
    await retention.run()
    left = await messaging.rows()
    assert done not in {row["id"] for row in left}
    assert len(left) == 3
    assert await messaging.execute("SELECT count(*) FROM attempts") == [(0,)]


@pytest.mark.covers("Q11")
async def test_a_message_without_an_outcome_is_never_forgotten(messaging, retention):
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id()))
    before = await messaging.rows()
    messaging.clock.set(NOW + timedelta(days=400))
    await retention.run()
    assert await messaging.rows() == before


async def test_who_visited_is_known_for_two_years_and_reports_are_kept_as_long_as_messages(
    messaging, retention
):
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()))
    await messaging.execute(
        "INSERT INTO delivery_reports (id, provider, fingerprint, payload, state, status, received_at) "
        "VALUES (uuidv7(), 'twilio', 'x', 'y', 'ignored', 'sent', %s)",
        NOW,
    )
    messaging.clock.set(NOW + timedelta(days=91))
    await retention.run()
    assert await messaging.execute("SELECT count(*) FROM delivery_reports") == [(0,)]
    assert await messaging.execute("SELECT count(*) FROM booking_view") == [(1,)]
    messaging.clock.set(NOW + timedelta(days=734))
    await retention.run()
    assert await messaging.execute("SELECT count(*) FROM booking_view") == [(0,)]
