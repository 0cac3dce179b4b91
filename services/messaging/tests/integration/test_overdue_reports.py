"""Reports that nobody could take: the provider is asked what became of its messages."""

from datetime import timedelta

import pytest
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.store import claims

MINUTE = timedelta(minutes=1)
RULES = {"after": 10 * MINUTE, "until": timedelta(days=1), "most": 100}


async def sent(stage, ago: timedelta, looked_at: timedelta | None = None, **changes: object):
    """A message that was sent so long ago, and asked about so long ago, if ever."""
    now = stage.clock.now()
    usual = {
        "status": "sent",
        "provider": "twilio",
        "external_id": f"SM{new_id().hex}",
        "sent_at": now - ago,
        "updated_at": now - (ago if looked_at is None else looked_at),
    }
    return await stage.due(**{**usual, **changes})


async def asked_about(stage) -> set:
    async with stage.database.autocommit() as connection:
        rows = await claims.overdue(connection, ["twilio"], now=stage.clock.now(), **RULES)
    return {row.id for row in rows}


async def unreported(stage, **contact: str):
    """A message of eleven minutes ago whose last report was lost; the provider is done with it."""
    sms = await stage.due(recipient_id=stage.directory.knows(**contact))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    (message,) = stage.twilio.messages()
    await eventually(lambda: message.status in {"delivered", "undelivered"})
    await stage.execute(
        "UPDATE notifications SET sent_at = sent_at - %s, updated_at = updated_at - %s",
        11 * MINUTE,
        11 * MINUTE,
    )
    return sms, message


@pytest.mark.covers("V8")
async def test_a_message_whose_report_was_lost_is_asked_about(stage):
    sms, message = await unreported(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "delivered"))
    question = stage.twilio.attempts()[-1]
    assert (question.method, question.path.rpartition("/")[2]) == ("GET", f"{message.sid}.json")
    assert await stage.events() == ["sent", "delivered"]


@pytest.mark.covers("V8")
async def test_a_message_that_did_not_arrive_has_failed_for_the_providers_reason(stage):
    sms, _ = await unreported(stage, phone_number="+966500030003")
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    assert (await stage.row(sms))["error_code"] == "twilio_30003"


async def test_a_provider_that_knows_nothing_of_it_changes_nothing(stage):
    unknown = await sent(stage, 12 * MINUTE)
    known, _ = await unreported(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(known, "delivered"))
    assert await stage.has(unknown, "sent")


async def test_a_provider_that_does_not_answer_is_left_alone_for_this_round(stage):
    messages = [await sent(stage, 11 * MINUTE) for _ in range(3)]
    stage.twilio.fault("status", method="GET", code=503, times=9)
    async with stage.dispatching():
        await eventually(stage.twilio.attempts)
        after = await stage.due()
        await eventually(lambda: stage.has(after, "sent"))
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["GET", "POST"]
    assert [await stage.has(message, "sent") for message in messages] == [True] * 3


async def test_a_message_is_asked_about_when_its_report_is_overdue_and_each_time_later(stage):
    first = await sent(stage, 10 * MINUTE)
    again = await sent(stage, 20 * MINUTE, looked_at=10 * MINUTE)
    third = await sent(stage, 40 * MINUTE, looked_at=20 * MINUTE)
    await sent(stage, 9 * MINUTE)
    await sent(stage, 39 * MINUTE, looked_at=19 * MINUTE)
    await sent(stage, timedelta(days=1))
    await sent(stage, 10 * MINUTE, provider="smtp", channel="email")
    await sent(stage, 10 * MINUTE, external_id="")
    await sent(stage, 10 * MINUTE, status="delivered")

    assert await asked_about(stage) == {first, again, third}
    assert await asked_about(stage) == set()
