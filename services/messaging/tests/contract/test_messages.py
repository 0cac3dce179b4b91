"""MessagingService: messages, schedules and letters, through the whole chain."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi.messaging.v1 import messaging_service_pb2 as rpc
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused
from messaging_events import CUSTOMER, IN_THREE_DAYS, NOW, SALON, STAFF, at, booking

Status = pb2.Notification.Status


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return refused(caught.value)


def stamp(moment) -> Timestamp:
    return at(moment)


@pytest.fixture
def confirmed(messaging):
    """A confirmed visit in three days, and its messages by what they are about and how they travel."""

    async def make(**changes):
        visit = new_id()
        await messaging.hear(booking("CONFIRMED", 1, booking_id=visit, **changes))
        rows = await messaging.rows("booking_id = %s AND audience = 'customer'", visit)
        return {(row["event"], row["channel"], row["occurrence"].split("@")[0]): row for row in rows}

    return make


async def outcome(messaging, row, status, **columns):
    """Bring a message to an outcome the way that a dispatcher does."""
    names = "".join(f", {name} = '{value}'" for name, value in columns.items())
    await messaging.execute(
        "UPDATE notifications SET status = 'sending', lease_token = uuidv7(), lease_until = now() WHERE id = %s",
        row["id"],
    )
    await messaging.execute(
        f"UPDATE notifications SET status = '{status}', lease_token = NULL, lease_until = NULL{names} WHERE id = %s",
        row["id"],
    )


@pytest.mark.covers("M1", "M6")
async def test_a_message_shows_its_every_field_and_try_to_its_recipient(messaging, stub, confirmed):
    rows = await confirmed()
    row = rows["booking_confirmed", "sms", "1"]
    sent = {
        "provider": "twilio", "external_id": "SM1", "delivery_status": "sent", "masked_recipient": "+9665****678",
        "language_code": "ar", "template": "booking_confirmed.customer.sms@1", "body": "exact", "attempt_count": 4,
        "sent_at": NOW.isoformat(),
    }  # fmt: skip
    for number in (1, 2, 3, 4):
        await messaging.execute(
            "INSERT INTO attempts (notification_id, number, provider, lease_token, dispatched_at, finished_at, "
            "outcome, code) VALUES (%s, %s, 'twilio', uuidv7(), %s, %s, %s, %s)",
            row["id"], number, NOW, NOW + timedelta(milliseconds=120),
            "accepted" if number == 4 else "retryable", "" if number == 4 else "503",
        )  # fmt: skip
    await outcome(messaging, row, "sent", **sent)
    shown = await stub.GetNotification(
        rpc.GetNotificationRequest(notification_id=str(row["id"])), metadata=messaging.as_user(CUSTOMER)
    )
    attempts = [(a.number, a.provider, a.outcome, a.code, a.latency.ToMilliseconds()) for a in shown.attempts]
    assert attempts == [
        (1, "twilio", pb2.Attempt.RETRYABLE, "503", 120),
        (2, "twilio", pb2.Attempt.RETRYABLE, "503", 120),
        (3, "twilio", pb2.Attempt.RETRYABLE, "503", 120),
        (4, "twilio", pb2.Attempt.ACCEPTED, "", 120),
    ]
    del shown.attempts[:]
    assert shown == pb2.Notification(
        id=str(row["id"]), salon_id=str(SALON), booking_id=str(row["booking_id"]), recipient_id=str(CUSTOMER),
        audience=pb2.CUSTOMER, event=pb2.BOOKING_CONFIRMED, occurrence="1", channel=pb2.SMS, status=Status.SENT,
        provider="twilio", external_id="SM1", delivery_status="sent", masked_recipient="+9665****678",
        language_code="ar", template="booking_confirmed.customer.sms@1", body="exact", attempt_count=4,
        max_retries=3, scheduled_time=stamp(NOW), create_time=stamp(NOW), sent_time=stamp(NOW),
    )  # fmt: skip


async def test_a_message_is_nobody_elses_business(messaging, stub, confirmed):
    row = (await confirmed())["booking_confirmed", "sms", "1"]
    request = rpc.GetNotificationRequest(notification_id=str(row["id"]))
    for stranger in (
        messaging.as_user(new_id()),
        messaging.as_manager(new_id()),
        messaging.as_user(STAFF),
    ):
        assert (
            await refusal(stub.GetNotification(request, metadata=stranger))
        ).reason == "NOTIFICATION_NOT_FOUND"
    unknown = rpc.GetNotificationRequest(notification_id=str(new_id()))
    refused_ = await refusal(stub.GetNotification(unknown, metadata=messaging.as_manager()))
    assert (refused_.code, refused_.reason) == (grpc.StatusCode.NOT_FOUND, "NOTIFICATION_NOT_FOUND")
    for insider in (messaging.as_manager(), bearer(messaging.mint.user(is_admin=True))):
        assert (await stub.GetNotification(request, metadata=insider)).id == str(row["id"])


async def test_without_a_token_nothing_is_answered(stub):
    request = rpc.GetNotificationRequest(notification_id=str(new_id()))
    assert (await refusal(stub.GetNotification(request))).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.covers("M9")
async def test_lists_show_managers_their_salon_admins_everything_and_others_their_own(messaging, stub):
    other_salon, other_customer = new_id(), new_id()
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()))
    await messaging.hear(
        booking("CREATED", 1, booking_id=new_id(), customer=other_customer, salon=other_salon)
    )

    async def seen(metadata, **search):
        listed = await stub.ListNotifications(rpc.ListNotificationsRequest(**search), metadata=metadata)
        return {(message.salon_id, message.recipient_id) for message in listed.notifications}

    here = {(str(SALON), str(CUSTOMER)), (str(SALON), str(STAFF))}
    there = {(str(other_salon), str(other_customer)), (str(other_salon), str(STAFF))}
    assert await seen(messaging.as_manager(), salon_id=str(SALON)) == here
    assert await seen(messaging.as_user(CUSTOMER)) == {(str(SALON), str(CUSTOMER))}
    assert await seen(bearer(messaging.mint.user(is_admin=True))) == here | there
    stranger = await refusal(
        stub.ListNotifications(
            rpc.ListNotificationsRequest(salon_id=str(other_salon)), metadata=messaging.as_manager()
        )
    )
    assert stranger.reason == "ROLE_REQUIRED"


async def test_lists_are_filtered_and_paged_newest_first_and_stand_still_under_inserts(messaging, stub):
    first = new_id()
    for visit in (first, new_id(), new_id()):
        await messaging.hear(booking("CREATED", 1, booking_id=visit))
    search = {"salon_id": str(SALON), "channel": pb2.SMS, "statuses": [Status.PENDING], "page_size": 4}
    page = await stub.ListNotifications(
        rpc.ListNotificationsRequest(**search), metadata=messaging.as_manager()
    )
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()))
    rest = await stub.ListNotifications(
        rpc.ListNotificationsRequest(**search, page_token=page.next_page_token),
        metadata=messaging.as_manager(),
    )
    ids = [message.id for message in (*page.notifications, *rest.notifications)]
    assert len(ids) == len(set(ids)) == 6
    assert ids == sorted(ids, reverse=True)
    assert not rest.next_page_token
    about_first = await stub.ListNotifications(
        rpc.ListNotificationsRequest(booking_id=str(first)), metadata=messaging.as_user(CUSTOMER)
    )
    assert {message.booking_id for message in about_first.notifications} == {str(first)}
    wrong = rpc.ListNotificationsRequest(salon_id="x", channel=9, statuses=[0], page_token="x")
    assert (await refusal(stub.ListNotifications(wrong, metadata=messaging.as_manager()))).violations == {
        "salonId": "NOT_AN_ID",
        "channel": "UNKNOWN_VALUE",
        "statuses[0]": "UNKNOWN_VALUE",
    }


@pytest.mark.covers("M5", "Q2")
async def test_scheduled_messages_are_listed_soonest_first(messaging, stub, confirmed):
    await confirmed()
    await confirmed(start=IN_THREE_DAYS + timedelta(days=1))
    request = rpc.ListScheduledNotificationsRequest(salon_id=str(SALON), page_size=7)
    page = await stub.ListScheduledNotifications(request, metadata=messaging.as_manager())
    request.page_token = page.next_page_token
    rest = await stub.ListScheduledNotifications(request, metadata=messaging.as_manager())
    due = [message.scheduled_time.ToDatetime() for message in (*page.notifications, *rest.notifications)]
    assert due == sorted(due)
    assert len({message.id for message in (*page.notifications, *rest.notifications)}) == len(due) == 14
    gone = page.notifications[0].id
    await messaging.execute("UPDATE notifications SET status = 'cancelled' WHERE id = %s", gone)
    whole = rpc.ListScheduledNotificationsRequest(salon_id=str(SALON), page_size=50)
    left = await stub.ListScheduledNotifications(whole, metadata=messaging.as_manager())
    assert gone not in {message.id for message in left.notifications}
    assert len(left.notifications) == 13
    denied = await refusal(
        stub.ListScheduledNotifications(
            rpc.ListScheduledNotificationsRequest(salon_id=str(SALON)), metadata=messaging.as_user(CUSTOMER)
        )
    )
    assert denied.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.covers("Q2")
async def test_a_message_that_is_taken_back_is_never_due_and_one_that_was_sent_cannot_be(
    messaging, stub, confirmed
):
    rows = await confirmed()
    reminder, sent = rows["reminder", "sms", "120m"], rows["booking_confirmed", "sms", "1"]
    request = rpc.CancelScheduledNotificationRequest(notification_id=str(reminder["id"]), request_id="k1")
    cancelled = await stub.CancelScheduledNotification(request, metadata=messaging.as_manager())
    assert cancelled.status == Status.CANCELLED
    assert await stub.CancelScheduledNotification(request, metadata=messaging.as_manager()) == cancelled
    due = await messaging.rows("id = %s AND status IN ('pending', 'scheduled', 'deferred')", reminder["id"])
    assert due == []

    await outcome(messaging, sent, "sent")
    late = await refusal(
        stub.CancelScheduledNotification(
            rpc.CancelScheduledNotificationRequest(notification_id=str(sent["id"])),
            metadata=messaging.as_manager(),
        )
    )
    assert (late.code, late.reason, late.metadata["status"]) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "ILLEGAL_TRANSITION",
        "sent",
    )
    audited = await messaging.execute(
        "SELECT actor, action, target_id, before ->> 'status', after ->> 'status' FROM audit"
    )
    assert audited == [
        (f"user:{messaging.manager}", "notification_cancelled", str(reminder["id"]), "scheduled", "cancelled")
    ]


async def test_cancelling_and_claiming_at_once_has_one_winner(messaging, stub, confirmed):
    row = (await confirmed())["reminder", "sms", "120m"]
    request = rpc.CancelScheduledNotificationRequest(notification_id=str(row["id"]))

    async def claim():
        async with messaging.database.transaction() as connection:
            cursor = await connection.execute(
                "UPDATE notifications SET status = 'sending', lease_token = uuidv7(), lease_until = now() "
                "WHERE id = (SELECT id FROM notifications WHERE id = %s AND status = 'scheduled' "
                "FOR UPDATE SKIP LOCKED)",
                [row["id"]],
            )
            return cursor.rowcount == 1

    cancelled, claimed = await asyncio.gather(
        stub.CancelScheduledNotification(request, metadata=messaging.as_manager()),
        claim(),
        return_exceptions=True,
    )
    [final] = await messaging.rows("id = %s", row["id"])
    assert final["status"] == ("sending" if claimed else "cancelled")
    assert isinstance(cancelled, grpc.aio.AioRpcError) is claimed


@pytest.mark.covers("Q2")
async def test_a_message_can_be_moved_until_it_is_sent_and_keeps_the_persons_time(messaging, stub, confirmed):
    rows = await confirmed()
    reminder = rows["reminder", "sms", "120m"]
    later = IN_THREE_DAYS - timedelta(hours=1)
    request = rpc.RescheduleScheduledNotificationRequest(
        notification_id=str(reminder["id"]), schedule_time=stamp(later), request_id="k2"
    )
    moved = await stub.RescheduleScheduledNotification(request, metadata=messaging.as_manager())
    assert (moved.status, moved.scheduled_time) == (Status.SCHEDULED, stamp(later))
    assert await stub.RescheduleScheduledNotification(request, metadata=messaging.as_manager()) == moved
    await messaging.hear(booking("CHECKED_IN", 2, booking_id=reminder["booking_id"], state="STATE_CONFIRMED"))
    [kept] = await messaging.rows("id = %s", reminder["id"])
    assert kept["due_at"] == later

    past = rpc.RescheduleScheduledNotificationRequest(
        notification_id=str(reminder["id"]), schedule_time=stamp(NOW)
    )
    assert (
        await refusal(stub.RescheduleScheduledNotification(past, metadata=messaging.as_manager()))
    ).violations == {"scheduleTime": "IN_THE_PAST"}
    far = rpc.RescheduleScheduledNotificationRequest(
        notification_id=str(reminder["id"]), schedule_time=stamp(NOW + timedelta(days=366))
    )
    assert (
        await refusal(stub.RescheduleScheduledNotification(far, metadata=messaging.as_manager()))
    ).violations == {"scheduleTime": "RANGE_TOO_LONG"}
    sent = rows["booking_confirmed", "email", "1"]
    await outcome(messaging, sent, "sent")
    gone = rpc.RescheduleScheduledNotificationRequest(
        notification_id=str(sent["id"]), schedule_time=stamp(later)
    )
    assert (
        await refusal(stub.RescheduleScheduledNotification(gone, metadata=messaging.as_manager()))
    ).reason == "ILLEGAL_TRANSITION"
    stranger = messaging.as_user(CUSTOMER)
    assert (
        await refusal(stub.RescheduleScheduledNotification(gone, metadata=stranger))
    ).reason == "NOTIFICATION_NOT_FOUND"


@pytest.mark.covers("M8", "V6")
@pytest.mark.parametrize("status", ["failed", "dead"])
async def test_a_failed_message_is_tried_again_under_its_own_id_with_a_new_budget(
    messaging, stub, confirmed, status
):
    row = (await confirmed())["booking_confirmed", "sms", "1"]
    await outcome(messaging, row, status, error_code="21211", attempt_count=4)
    request = rpc.RetryNotificationRequest(notification_id=str(row["id"]), request_id="again")
    first = await stub.RetryNotification(request, metadata=messaging.as_manager())
    repeated = await stub.RetryNotification(request, metadata=messaging.as_manager())
    assert first == repeated
    assert (first.id, first.status, first.error_code) == (str(row["id"]), Status.PENDING, "")
    assert (first.attempt_count, first.max_retries) == (4, 7)
    again = rpc.RetryNotificationRequest(notification_id=str(row["id"]))
    assert (await refusal(stub.RetryNotification(again, metadata=messaging.as_manager()))).metadata[
        "status"
    ] == "pending"
    assert (
        await refusal(stub.RetryNotification(again, metadata=messaging.as_user(CUSTOMER)))
    ).reason == "NOTIFICATION_NOT_FOUND"


@pytest.mark.parametrize(("error_code", "is_marked"), [("outcome_unknown", True), ("21211", False)])
async def test_what_may_have_been_sent_is_marked_when_somebody_tries_it_again(
    messaging, stub, confirmed, error_code, is_marked
):
    row = (await confirmed())["booking_confirmed", "sms", "1"]
    await outcome(messaging, row, "failed", error_code=error_code, attempt_count=1)
    request = rpc.RetryNotificationRequest(notification_id=str(row["id"]))
    retried = await stub.RetryNotification(request, metadata=messaging.as_manager())
    assert retried.possible_duplicate is is_marked


def letter(**changes) -> rpc.SendNotificationRequest:
    usual = {
        "salon_id": str(SALON), "recipient_id": str(CUSTOMER), "channel": pb2.SMS, "body": "We open later.",
    }  # fmt: skip
    return rpc.SendNotificationRequest(**{**usual, **changes})


@pytest.mark.covers("Q1")
async def test_a_letter_to_a_customer_is_due_at_once_or_at_its_time(messaging, stub, confirmed):
    await confirmed()
    now = await stub.SendNotification(letter(request_id="l1"), metadata=messaging.as_manager())
    assert (now.status, now.event, now.body) == (Status.PENDING, pb2.MANUAL, "We open later.")
    assert await stub.SendNotification(letter(request_id="l1"), metadata=messaging.as_manager()) == now
    written = await messaging.execute("SELECT action, actor FROM audit WHERE target_id = %s", now.id)
    assert written == [("notification_written", f"user:{messaging.manager}")]
    other = await refusal(
        stub.SendNotification(letter(request_id="l1", body="Other"), metadata=messaging.as_manager())
    )
    assert other.reason == "REQUEST_ID_REUSED"
    later = letter(schedule_time=stamp(NOW + timedelta(hours=2)), channel=pb2.EMAIL, subject="Hours")
    scheduled = await stub.SendNotification(later, metadata=messaging.as_manager())
    assert (scheduled.status, scheduled.scheduled_time) == (Status.SCHEDULED, stamp(NOW + timedelta(hours=2)))
    assert len(await messaging.rows("event = 'manual'")) == 2


@pytest.mark.covers("Q1")
async def test_a_letter_for_the_past_or_without_words_is_refused(messaging, stub, confirmed):
    await confirmed()

    async def wrong(**changes):
        call = stub.SendNotification(letter(**changes), metadata=messaging.as_manager())
        return (await refusal(call)).violations

    assert await wrong(schedule_time=stamp(NOW)) == {"scheduleTime": "IN_THE_PAST"}
    assert await wrong(schedule_time=stamp(NOW + timedelta(days=366))) == {"scheduleTime": "RANGE_TOO_LONG"}
    assert await wrong(channel=pb2.EMAIL) == {"subject": "REQUIRED"}
    assert await wrong(body="x" * 2_001, subject="y" * 201, channel=pb2.EMAIL) == {
        "subject": "TOO_LONG",
        "body": "TOO_LONG",
    }
    assert await wrong(body="x" * 1_401) == {"body": "TOO_LONG"}
    assert await wrong(body=" ") == {"body": "REQUIRED"}
    assert await wrong(body="a\u202eb") == {"body": "BIDI_OVERRIDE"}
    assert await messaging.rows("event = 'manual'") == []


@pytest.mark.covers("Q1")
async def test_a_salon_writes_only_to_people_who_booked_there(messaging, stub, confirmed):
    visit = (await confirmed())["booking_confirmed", "sms", "1"]["booking_id"]
    stranger = await refusal(
        stub.SendNotification(letter(recipient_id=str(new_id())), metadata=messaging.as_manager())
    )
    assert (stranger.code, stranger.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_A_CUSTOMER")
    foreign = await refusal(
        stub.SendNotification(letter(booking_id=str(new_id())), metadata=messaging.as_manager())
    )
    assert foreign.reason == "NOT_A_CUSTOMER"
    other = new_id()
    for about_it in ("", str(visit)):
        elsewhere = letter(salon_id=str(other), booking_id=about_it)
        answer = await refusal(stub.SendNotification(elsewhere, metadata=messaging.as_manager(other)))
        assert answer.reason == "NOT_A_CUSTOMER"
    about = await stub.SendNotification(letter(booking_id=str(visit)), metadata=messaging.as_manager())
    assert about.booking_id == str(visit)
    denied = await refusal(stub.SendNotification(letter(), metadata=messaging.as_user(CUSTOMER)))
    assert denied.reason == "ROLE_REQUIRED"


async def test_a_report_of_an_unknown_provider_is_not_found(stub):
    request = rpc.ReceiveDeliveryReportRequest(provider="nobody")
    assert (await refusal(stub.ReceiveDeliveryReport(request))).reason == "PROVIDER_UNKNOWN"
