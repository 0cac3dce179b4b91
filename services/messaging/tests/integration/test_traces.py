"""Each message, and each try of it, belongs to the trace of what called for it."""

import json
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.messaging.v1 import messaging_pb2 as pb2
from kursi.messaging.v1 import messaging_service_pb2 as rpc
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.logs import logged
from messaging_events import CUSTOMER, SALON, booking, delivered, payment, user

TRACE, OTHER_TRACE = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER, OTHER_HEADER = f"00-{TRACE}-b7ad6b7169203331-01", f"00-{OTHER_TRACE}-00f067aa0ba902b7-00"


@pytest.fixture
def log():
    """Everything that is logged during the test, as the JSON lines that it becomes."""
    with logged("DEBUG") as output:
        yield output


def confirmed(booking_id: UUID, traceparent: str = HEADER):
    return delivered(booking("CONFIRMED", 1, booking_id=booking_id), traceparent=traceparent)


async def traces(messaging, condition: str = "true", *parameters: object) -> set[str]:
    return {row["traceparent"] for row in await messaging.rows(condition, *parameters)}


async def test_each_message_of_a_batch_keeps_the_trace_of_its_own_event(messaging):
    one, other = new_id(), new_id()
    await messaging.handlers.bookings([confirmed(one, HEADER), confirmed(other, OTHER_HEADER)])
    assert await traces(messaging, "booking_id = %s AND event <> 'reminder'", one) == {HEADER}
    assert await traces(messaging, "booking_id = %s AND event = 'reminder'", one) == {HEADER}
    assert await traces(messaging, "booking_id = %s", other) == {OTHER_HEADER}


async def test_a_receipt_keeps_the_trace_of_the_payment(messaging):
    paid = payment("CAPTURED", booking_id=new_id(), payment_id=new_id())
    await messaging.handlers.payments([delivered(paid, traceparent=HEADER)])
    assert await traces(messaging) == {HEADER}


@pytest.mark.parametrize("header", ["", "00-x", HEADER.upper()])
async def test_an_event_of_no_trace_or_a_broken_one_is_planned_all_the_same(messaging, header):
    await messaging.handlers.bookings([confirmed(new_id(), header)])
    assert await traces(messaging) == {""}


async def test_reminders_belong_to_what_planned_them_last(messaging):
    await messaging.handlers.bookings([confirmed(new_id(), HEADER)])
    moved = user(CUSTOMER, zone="Pacific/Honolulu")
    await messaging.execute(
        "UPDATE notifications SET due_at = due_at - interval '1 minute' WHERE event = 'reminder'"
    )
    await messaging.handlers.people([delivered(moved, traceparent=OTHER_HEADER)])
    assert await traces(messaging, "event = 'reminder'") == {OTHER_HEADER}
    assert await traces(messaging, "event <> 'reminder'") == {HEADER}


async def test_a_try_is_part_of_the_trace_of_its_message(stage, log):
    sms, untraced = await stage.due(traceparent=HEADER), await stage.due(recipient_id=stage.directory.knows())
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
        await eventually(lambda: stage.has(untraced, "sent"))
    assert [attempt["trace_id"] for attempt in await stage.attempts(sms)] == [TRACE]
    assert [attempt["trace_id"] for attempt in await stage.attempts(untraced)] == [""]
    given = {attempt.traceparent and attempt.traceparent.split("-")[1] for attempt in stage.twilio.attempts()}
    assert given == {TRACE, None}
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    sent = {
        line["notification_id"]: line.get("trace_id")
        for line in lines
        if line["event"] == "notification_sent"
    }
    assert sent == {str(sms): TRACE, str(untraced): None}


async def test_a_letter_belongs_to_the_call_that_wrote_it(messaging, stub):
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id()))
    letter = rpc.SendNotificationRequest(
        salon_id=str(SALON),
        recipient_id=str(CUSTOMER),
        channel=pb2.SMS,
        body="See you soon",
        request_id="l1",
    )
    await stub.SendNotification(letter, metadata=messaging.as_manager(traceparent=HEADER))
    (row,) = await messaging.rows("event = 'manual'")
    assert row["traceparent"].split("-")[1] == TRACE


async def test_reminders_planned_by_a_change_of_choices_belong_to_that_call(messaging, stub):
    await messaging.handlers.bookings([confirmed(new_id(), OTHER_HEADER)])
    await messaging.execute(
        "UPDATE notifications SET due_at = due_at - interval '1 minute' WHERE event = 'reminder'"
    )
    change = rpc.UpdateMyPreferencesRequest(
        preferences=pb2.NotificationPreferences(quiet_hours_enabled=True),
        update_mask=FieldMask(paths=["quiet_hours_enabled"]),
    )
    await stub.UpdateMyPreferences(change, metadata=messaging.as_user(CUSTOMER, traceparent=HEADER))
    (header,) = await traces(messaging, "event = 'reminder' AND status = 'scheduled'")
    assert header.split("-")[1] == TRACE
