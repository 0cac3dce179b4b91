"""When nobody knows whether a provider took a message: ask, wait, and then the lesser evil."""

import pytest
from dispatch_stage import SALON
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.dispatch import metrics


@pytest.fixture(autouse=True)
def impatient(stage):
    stage.impatient()


async def doubtful(stage, message) -> bool:
    """Whether the last try of the message ended without an answer."""
    attempts = await stage.attempts(message)
    return bool(attempts) and attempts[-1]["outcome"] == "ambiguous"


async def confirmation(stage, **changes) -> object:
    booking = await stage.booking()
    return await stage.due(
        event="booking_confirmed", booking_id=booking, booking_revision=1, priority=1, facts={}, **changes
    )


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage"])
async def test_a_message_that_the_provider_has_is_found_and_not_sent_again(stage, fault):
    before = metrics.LEASES_LOST.labels("sent")._value.get()
    stage.twilio.fault(fault, method="POST")
    sms = await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    assert metrics.LEASES_LOST.labels("sent")._value.get() == before + 1
    (message,) = stage.twilio.messages()
    row = await stage.row(sms)
    assert (row["external_id"], row["possible_duplicate"], row["attempt_count"]) == (message.sid, False, 1)
    assert [attempt["outcome"] for attempt in await stage.attempts(sms)] == ["accepted"]


async def test_news_that_the_provider_does_not_have_is_sent_again_and_marked(stage):
    before = metrics.POSSIBLE_DUPLICATES.labels("sms", "twilio")._value.get()
    stage.twilio.fault("timeout_before_accept", method="POST")
    sms = await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    row = await stage.row(sms)
    assert (row["possible_duplicate"], row["attempt_count"]) == (True, 2)
    assert [attempt["outcome"] for attempt in await stage.attempts(sms)] == ["ambiguous", "accepted"]
    assert metrics.POSSIBLE_DUPLICATES.labels("sms", "twilio")._value.get() == before + 1
    assert len(stage.twilio.messages()) == 1


async def test_what_a_salon_wrote_by_hand_is_rather_missed_than_doubled(stage):
    stage.twilio.fault("timeout_before_accept", method="POST")
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    row = await stage.row(sms)
    assert (row["error_code"], row["possible_duplicate"]) == ("outcome_unknown", False)
    assert stage.twilio.messages() == []
    assert await stage.events() == ["failed"]


async def test_a_report_ends_the_doubt(stage):
    stage.configured(report_wait_seconds=30)
    stage.twilio.fault("timeout_after_accept", method="POST")
    sms = await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: doubtful(stage, sms))
        await stage.deliver(await stage.reported("delivered"))
        # The sweeper may hold the report at this moment: then it is the one that applies it.
        await eventually(lambda: stage.has(sms, "delivered"))
    row = await stage.row(sms)
    (message,) = stage.twilio.messages()
    assert row["external_id"] == message.sid
    assert [attempt["outcome"] for attempt in await stage.attempts(sms)] == ["accepted"]


async def test_a_provider_that_does_not_answer_is_asked_again(stage):
    stage.twilio.fault("timeout_after_accept", method="POST")
    stage.twilio.fault("status", method="GET", code=503)
    sms = await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["POST", "GET", "GET"]
    assert len(stage.twilio.messages()) == 1


async def test_another_message_with_the_same_words_is_no_answer(stage):
    earlier = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(earlier, "sent"))
        stage.twilio.fault("timeout_before_accept", method="POST")
        sms = await stage.due()
        await eventually(lambda: stage.has(sms, "failed"))
    assert (await stage.row(sms))["error_code"] == "outcome_unknown"


async def test_a_mail_that_may_have_been_taken_is_repeated_under_the_same_id(stage):
    stage.configured(provider_timeout_seconds=10, lease_seconds=30)
    stage.smtp.fault("reset_after_accept", method="DATA")
    mail = await confirmation(stage, channel="email")
    async with stage.dispatching():
        await eventually(lambda: stage.has(mail, "sent"))
    first, second = stage.smtp.mails()
    assert first.message_id == second.message_id == f"<{mail}@kursi.example>"
    assert (await stage.row(mail))["possible_duplicate"] is True


async def test_doubt_about_one_message_holds_back_the_next_to_the_same_person_only(stage):
    stage.configured(report_wait_seconds=30)
    stage.twilio.fault("timeout_before_accept", method="POST")
    doubt = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: doubtful(stage, doubt))
        behind = await stage.due()
        beside = await stage.due(recipient_id=stage.directory.knows(), salon_id=SALON)
        await eventually(lambda: stage.has(beside, "sent"))
    assert await stage.has(behind, "pending")
