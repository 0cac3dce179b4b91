"""Events become rows of notifications, each message once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from kursi_chassis.ids import new_id
from kursi_messaging.domain.words import Status
from messaging_events import CUSTOMER, IN_THREE_DAYS, NOW, SALON, STAFF, booking, delivered, payment, user


def told(rows):
    return sorted((row["audience"], row["event"], row["channel"], row["status"]) for row in rows)


def open_reminders(rows):
    return {
        (row["occurrence"].split("@")[0], row["channel"], row["due_at"])
        for row in rows
        if row["event"] == "reminder" and row["status"] == "scheduled"
    }


@pytest.mark.covers("T6", "M7")
async def test_customer_and_staff_are_told_once_per_channel_when_a_booking_is_made_and_confirmed(messaging):
    visit = new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit))
    await messaging.hear(booking("CONFIRMED", 2, booking_id=visit))
    await messaging.hear(booking("CONFIRMED", 3, booking_id=visit))
    assert told(await messaging.rows("event <> 'reminder'")) == sorted(
        (audience, event, channel, "pending")
        for audience in ("customer", "staff_member")
        for event in ("booking_created", "booking_confirmed")
        for channel in ("sms", "email")
    )


@pytest.mark.covers("M7", "X9")
async def test_fifty_concurrent_deliveries_of_an_event_make_exactly_one_row_per_audience_and_channel(
    messaging,
):
    event = delivered(booking("CREATED", 1, booking_id=new_id()))
    await asyncio.gather(*(messaging.handlers.bookings([event]) for _ in range(50)))
    assert told(await messaging.rows()) == [
        ("customer", "booking_created", "email", "pending"),
        ("customer", "booking_created", "sms", "pending"),
        ("staff_member", "booking_created", "email", "pending"),
        ("staff_member", "booking_created", "sms", "pending"),
    ]


async def test_concurrent_batches_about_one_unknown_booking_end_in_its_latest_state(messaging):
    visit = new_id()
    batches = [
        [delivered(booking("CREATED", 1, booking_id=visit))],
        [delivered(booking("CONFIRMED", 2, booking_id=visit))],
        [delivered(booking("CANCELLED", 3, booking_id=visit))],
    ]
    await asyncio.gather(*map(messaging.handlers.bookings, batches))
    assert await messaging.execute("SELECT state, last_revision FROM booking_view") == [("cancelled", 3)]
    assert open_reminders(await messaging.rows()) == set()


@pytest.mark.covers("M7", "X12")
async def test_replaying_the_whole_stream_adds_no_row(messaging):
    visit = new_id()
    stream = [
        delivered(message)
        for message in (
            booking("CREATED", 1, booking_id=visit),
            booking("CONFIRMED", 2, booking_id=visit),
            booking("RESCHEDULED", 3, booking_id=visit, start=IN_THREE_DAYS + timedelta(hours=3)),
            booking("CANCELLED", 4, booking_id=visit),
        )
    ]
    for event in stream:
        await messaging.handlers.bookings([event])
    before = await messaging.rows()
    await messaging.handlers.bookings(stream)
    await messaging.execute("DELETE FROM inbox")
    await messaging.handlers.bookings(stream)
    assert await messaging.rows() == before


@pytest.mark.covers("X10")
async def test_news_that_comes_after_newer_news_is_recorded_as_stale(messaging):
    visit = new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit))
    await messaging.hear(booking("CANCELLED", 3, booking_id=visit))
    await messaging.hear(booking("CONFIRMED", 2, booking_id=visit))
    late = await messaging.rows("occurrence = '2'")
    assert len(late) == 4
    assert {(row["event"], row["status"], row["skip_reason"]) for row in late} == {
        ("booking_confirmed", "skipped", "stale")
    }
    assert open_reminders(await messaging.rows()) == set()


@pytest.mark.covers("X10")
async def test_reordered_news_in_one_batch_is_recorded_as_stale(messaging):
    visit = new_id()
    await messaging.hear(booking("CANCELLED", 3, booking_id=visit), booking("CONFIRMED", 2, booking_id=visit))
    rows = await messaging.rows("event = 'booking_confirmed'")
    assert {(row["status"], row["skip_reason"]) for row in rows} == {("skipped", "stale")}


@pytest.mark.covers("X10")
@pytest.mark.parametrize(
    ("what", "state"), [("CONFIRMED", "STATE_CONFIRMED"), ("CANCELLED", "STATE_CANCELLED")]
)
async def test_news_that_comes_after_what_nobody_is_told_of_is_told(messaging, what, state):
    """Money that comes or goes back makes a newer revision, which another process may have taken first."""
    visit = new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit))
    await messaging.hear(booking("UPDATED", 3, booking_id=visit, state=state))
    await messaging.hear(booking(what, 2, booking_id=visit))
    rows = await messaging.rows("occurrence = '2'")
    assert told(rows) == sorted(
        (audience, f"booking_{what.lower()}", channel, "pending")
        for audience in ("customer", "staff_member")
        for channel in ("sms", "email")
    )


@pytest.mark.covers("X10")
async def test_late_news_that_newer_news_has_replaced_stays_stale_whatever_came_in_between(messaging):
    visit, colleague = new_id(), new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit))
    await messaging.hear(booking("RESCHEDULED", 3, booking_id=visit, staff=(colleague,)))
    await messaging.hear(booking("UPDATED", 4, booking_id=visit, staff=(colleague,)))
    await messaging.hear(booking("RESCHEDULED", 2, booking_id=visit))
    late = await messaging.rows("occurrence = '2'")
    assert {(row["event"], row["status"], row["skip_reason"]) for row in late} == {
        ("booking_rescheduled", "skipped", "stale")
    }


@pytest.mark.covers("T7")
async def test_an_event_that_changes_nothing_yields_no_row(messaging):
    visit = new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    before = await messaging.rows()
    await messaging.hear(
        booking("RESCHEDULED", 2, booking_id=visit), booking("CONFIRMED", 3, booking_id=visit)
    )
    await messaging.hear(booking("CHECKED_IN", 4, booking_id=visit, state="STATE_CONFIRMED"))
    assert await messaging.rows() == before


@pytest.mark.covers("M2")
async def test_a_booking_that_is_only_held_is_recorded_and_told_to_nobody(messaging):
    await messaging.hear(booking("CREATED", 1, booking_id=new_id(), state="STATE_HELD"))
    rows = await messaging.rows()
    assert len(rows) == 4
    assert {(row["status"], row["skip_reason"]) for row in rows} == {("skipped", "held")}


async def test_a_visit_that_was_over_when_it_was_written_down_is_told_to_nobody(messaging):
    yesterday = NOW - timedelta(days=1)
    await messaging.hear(booking("CREATED", 1, booking_id=new_id(), state="STATE_CONFIRMED", start=yesterday))
    rows = await messaging.rows("event = 'booking_created'")
    assert {(row["status"], row["skip_reason"]) for row in rows} == {("skipped", "over")}
    under_way = NOW - timedelta(minutes=44)
    await messaging.hear(booking("CREATED", 1, booking_id=new_id(), state="STATE_CONFIRMED", start=under_way))
    assert {row["status"] for row in await messaging.rows("skip_reason = ''")} == {"pending"}


async def test_a_held_booking_is_told_as_made_when_its_payment_lets_it_wait_for_the_salon(messaging):
    visit = new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit, state="STATE_HELD"))
    await messaging.hear(booking("UPDATED", 2, booking_id=visit, state="STATE_HELD"))
    await messaging.hear(booking("UPDATED", 3, booking_id=visit, state="STATE_PENDING"))
    await messaging.hear(booking("UPDATED", 4, booking_id=visit, state="STATE_PENDING"))
    rows = await messaging.rows("status = 'pending'")
    assert {(row["event"], row["occurrence"]) for row in rows} == {("booking_created", "3")}
    assert len(rows) == 4


async def test_a_second_reschedule_is_a_second_message(messaging):
    visit = new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    for revision in (2, 3):
        start = IN_THREE_DAYS + timedelta(hours=revision)
        await messaging.hear(booking("RESCHEDULED", revision, booking_id=visit, start=start))
    rows = await messaging.rows("event = 'booking_rescheduled' AND audience = 'customer' AND channel = 'sms'")
    assert [row["occurrence"] for row in rows] == ["2", "3"]


async def test_whoever_loses_a_visit_in_a_move_is_told_that_it_is_no_longer_theirs(messaging):
    visit, colleague = new_id(), new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    await messaging.hear(
        booking("RESCHEDULED", 2, booking_id=visit, staff=(colleague,), previous_staff_user_ids=[str(STAFF)])
    )
    rows = await messaging.rows(
        "event = 'booking_rescheduled' AND channel = 'sms' AND audience = 'staff_member'"
    )
    assert {row["recipient_id"]: row["facts"].get("handed_over", False) for row in rows} == {
        colleague: False,
        STAFF: True,
    }


@pytest.mark.covers("X21")
async def test_news_from_a_replayed_past_is_recorded_and_not_sent_but_reminders_are_planned(messaging):
    old = NOW - timedelta(hours=25)
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id(), occurred=old))
    rows = await messaging.rows()
    news = {(row["status"], row["skip_reason"]) for row in rows if row["event"] != "reminder"}
    assert news == {("skipped", "replay")}
    assert len(open_reminders(rows)) == 3


@pytest.mark.covers("T8")
async def test_the_usual_reminders_are_a_day_before_by_mail_and_text_and_two_hours_before_by_text(messaging):
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id()))
    assert open_reminders(await messaging.rows()) == {
        ("1440m", "email", IN_THREE_DAYS - timedelta(hours=24)),
        ("1440m", "sms", IN_THREE_DAYS - timedelta(hours=24)),
        ("120m", "sms", IN_THREE_DAYS - timedelta(hours=2)),
    }


@pytest.mark.covers("Q4")
async def test_a_reminder_whose_time_has_passed_is_recorded_as_too_late_and_the_later_one_is_kept(messaging):
    start = NOW + timedelta(hours=3)
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id(), start=start))
    rows = await messaging.rows("event = 'reminder'")
    assert sorted((row["occurrence"].split("@")[0], row["status"], row["skip_reason"]) for row in rows) == [
        ("120m", "scheduled", ""),
        ("1440m", "skipped", "too_late"),
        ("1440m", "skipped", "too_late"),
    ]


@pytest.mark.covers("Q3")
async def test_reminders_move_with_the_visit_and_go_with_it(messaging):
    visit, moved = new_id(), IN_THREE_DAYS + timedelta(days=1)
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    await messaging.hear(booking("RESCHEDULED", 2, booking_id=visit, start=moved))
    assert {due for _, _, due in open_reminders(await messaging.rows())} == {
        moved - timedelta(hours=24),
        moved - timedelta(hours=2),
    }
    await messaging.hear(booking("RESCHEDULED", 3, booking_id=visit))
    assert {due for _, _, due in open_reminders(await messaging.rows())} == {
        IN_THREE_DAYS - timedelta(hours=24),
        IN_THREE_DAYS - timedelta(hours=2),
    }
    await messaging.hear(booking("CANCELLED", 4, booking_id=visit))
    assert open_reminders(await messaging.rows()) == set()
    assert {(row["status"], row["skip_reason"]) for row in await messaging.rows("event = 'reminder'")} == {
        ("cancelled", "superseded")
    }


@pytest.mark.covers("Q3")
async def test_a_reminder_that_was_put_off_or_is_to_be_tried_again_goes_with_the_visit_too(messaging):
    visit = new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    for status, offset in (("deferred", "120m%"), ("pending", "1440m%")):
        await messaging.execute(
            "UPDATE notifications SET status = %s WHERE occurrence LIKE %s AND event = 'reminder'",
            status,
            offset,
        )
    await messaging.hear(booking("CANCELLED", 2, booking_id=visit))
    assert {row["status"] for row in await messaging.rows("event = 'reminder'")} == {"cancelled"}


@pytest.mark.covers("Q3", "Q2")
async def test_a_reminder_taken_back_by_a_person_stays_taken_back_when_the_booking_changes(messaging):
    visit = new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    await messaging.execute(
        "UPDATE notifications SET status = 'cancelled', skip_reason = 'by_person' WHERE occurrence LIKE '120m%%'"
    )
    await messaging.hear(booking("CHECKED_IN", 2, booking_id=visit, state="STATE_CONFIRMED"))
    assert {offset for offset, _, _ in open_reminders(await messaging.rows())} == {"1440m"}


@pytest.mark.covers("T9")
async def test_a_payment_is_told_to_its_payer_once(messaging):
    visit, paid, failed = new_id(), new_id(), new_id()
    captured = payment("CAPTURED", booking_id=visit, payment_id=paid)
    await messaging.hear(captured, payment("PENDING", booking_id=visit, payment_id=paid))
    await messaging.hear(captured)
    await messaging.hear(payment("FAILED", booking_id=visit, payment_id=failed))
    rows = await messaging.rows()
    assert told(rows) == [
        ("customer", "payment_captured", "email", "pending"),
        ("customer", "payment_captured", "sms", "pending"),
        ("customer", "payment_failed", "email", "pending"),
        ("customer", "payment_failed", "sms", "pending"),
    ]
    assert {row["recipient_id"] for row in rows} == {CUSTOMER}
    assert rows[0]["facts"]["amount"] == {"currency_code": "SAR", "amount_minor": 5_000}


async def test_reminders_move_when_the_person_moves_to_where_they_would_come_at_night(messaging):
    await messaging.execute(
        "INSERT INTO preferences (user_id, quiet_hours_enabled, revision, updated_at) VALUES (%s, true, 1, now())",
        CUSTOMER,
    )
    start = datetime(2026, 3, 15, 8, 0, tzinfo=UTC)  # 11:00 in Riyadh, 04:00 in New York
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id(), start=start))
    before = {due for offset, _, due in open_reminders(await messaging.rows()) if offset == "120m"}
    await messaging.hear(user(CUSTOMER, zone="America/New_York"))
    after = {due for offset, _, due in open_reminders(await messaging.rows()) if offset == "120m"}
    assert before == {start - timedelta(hours=2)}
    assert after == {datetime(2026, 3, 15, 1, 45, tzinfo=UTC)}  # a quarter of an hour before 22:00 there


async def test_revisions_that_were_jumped_over_are_counted(messaging):
    visit = new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=visit))
    await messaging.hear(booking("CONFIRMED", 4, booking_id=visit))
    assert await messaging.execute("SELECT gaps FROM booking_view") == [(2,)]


ALL = [status.value for status in Status]
LEGAL = {
    "pending": {"scheduled", "deferred", "sending", "skipped", "cancelled"},
    "scheduled": {"pending", "deferred", "sending", "skipped", "cancelled"},
    "deferred": {"pending", "scheduled", "sending", "skipped", "cancelled"},
    "sending": {
        "pending", "deferred", "sent", "delivered", "opened", "clicked", "failed", "bounced", "skipped", "dead",
    },
    "sent": {"delivered", "opened", "clicked", "failed", "bounced"},
    "delivered": {"opened", "clicked", "bounced"},
    "opened": {"clicked"},
    "failed": {"pending"},
    "dead": {"pending"},
    "cancelled": {"scheduled"},
}  # fmt: skip
_SET = """status = %(to)s, external_id = %(external_id)s, skip_reason = 'x', error_code = 'x',
    lease_token = CASE WHEN %(to)s = 'sending' THEN uuidv7() END,
    lease_until = CASE WHEN %(to)s = 'sending' THEN now() END"""


async def try_transition(connection, before, after, id_after="one"):
    """Whether the database lets a row go from one state to another."""
    row = new_id()
    try:
        async with connection.transaction(force_rollback=True):
            await connection.execute(
                """INSERT INTO notifications (id, recipient_id, audience, event, occurrence, channel, status,
                       skip_reason, error_code, priority, due_at, facts, created_at, updated_at, external_id,
                       lease_token, lease_until)
                   VALUES (%(id)s, %(id)s, 'customer', 'manual', 'x', 'sms', %(from)s, 'x', 'x', 1, now(), '{}',
                       now(), now(), 'one', CASE WHEN %(from)s = 'sending' THEN uuidv7() END,
                       CASE WHEN %(from)s = 'sending' THEN now() END)""",
                {"id": row, "from": before},
            )
            await connection.execute(
                f"UPDATE notifications SET {_SET} WHERE id = %(id)s",
                {"id": row, "to": after, "external_id": id_after},
            )
    except psycopg.errors.CheckViolation as error:
        return error.diag.constraint_name != "notifications_transition"
    return True


@pytest.mark.covers("T1", "T2")
async def test_the_database_lets_a_message_go_only_along_the_graph(messaging):
    async with messaging.database.session() as connection:
        found = {
            (before, after)
            for before in ALL
            for after in ALL
            if before != after and await try_transition(connection, before, after)
        }
    assert found == {(before, after) for before, afters in LEGAL.items() for after in afters}


@pytest.mark.covers("T2")
async def test_the_database_lets_a_message_that_failed_come_back_only_under_another_id(messaging):
    async with messaging.database.session() as connection:
        found = {
            (before, after)
            for before in ("failed", "dead", "skipped", "cancelled", "bounced")
            for after in ALL
            if await try_transition(connection, before, after, id_after="another")
            and not await try_transition(connection, before, after)
        }
    sent = ("sent", "delivered", "opened", "clicked")
    assert found == {(before, after) for before in ("failed", "dead") for after in sent}


async def test_the_salon_of_a_message_is_part_of_what_makes_it_the_same(messaging):
    visit = new_id()
    await messaging.hear(payment("CAPTURED", booking_id=visit, payment_id=UUID(int=1)))
    assert {row["salon_id"] for row in await messaging.rows()} == {SALON}
