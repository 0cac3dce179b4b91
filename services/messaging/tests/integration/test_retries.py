"""What a provider refuses is tried again by the book, or never, and ends as a dead letter."""

from datetime import timedelta

import pytest
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import free_port


async def seconds_between(stage, message) -> list[float]:
    """When the message was handed over, in seconds after the first time."""
    moments = [attempt["dispatched_at"] for attempt in await stage.attempts(message)]
    return [(moment - moments[0]).total_seconds() for moment in moments]


async def tried(stage, message, times: int) -> bool:
    attempts = await stage.attempts(message)
    return len(attempts) == times and attempts[-1]["outcome"] is not None


@pytest.mark.covers("Q5", "M6")
async def test_a_message_is_tried_at_0_60_360_and_1260_seconds_and_is_then_dead(stage, fixed_clock):
    stage.clock = fixed_clock
    stage.twilio.fault("status", method="POST", code=503, times=10)
    sms = await stage.due()
    async with stage.dispatching():
        for number, wait in enumerate((60, 300, 900), start=1):
            await eventually(lambda number=number: tried(stage, sms, number))
            fixed_clock.advance(timedelta(seconds=wait - 1))
            assert await stage.has(sms, "pending")
            fixed_clock.advance(timedelta(seconds=1))
        await eventually(lambda: stage.has(sms, "dead"))
    assert await seconds_between(stage, sms) == [0, 60, 360, 1260]
    assert [attempt["outcome"] for attempt in await stage.attempts(sms)] == ["retryable"] * 4
    row = await stage.row(sms)
    assert (row["error_code"], row["attempt_count"]) == ("twilio_http_503", 4)
    assert await stage.events() == ["failed"]


@pytest.mark.covers("M6")
async def test_every_try_leaves_its_outcome_code_and_times(stage, fixed_clock):
    stage.clock = fixed_clock
    stage.twilio.fault("status", method="POST", code=503, times=3)
    sms = await stage.due()
    async with stage.dispatching():
        for number in (1, 2, 3):
            await eventually(lambda number=number: tried(stage, sms, number))
            fixed_clock.advance(timedelta(minutes=15))
        await eventually(lambda: stage.has(sms, "sent"))
    attempts = await stage.attempts(sms)
    assert [attempt["outcome"] for attempt in attempts] == ["retryable"] * 3 + ["accepted"]
    assert [attempt["code"] for attempt in attempts] == ["twilio_http_503"] * 3 + [""]
    assert all(attempt["finished_at"] >= attempt["dispatched_at"] for attempt in attempts)
    assert {attempt["provider"] for attempt in attempts} == {"twilio"}
    assert len(stage.twilio.messages()) == 1


@pytest.mark.covers("Q6")
@pytest.mark.parametrize("code", [21211, 21610, 21614])
async def test_what_a_provider_will_never_take_is_not_tried_again(stage, code):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number=f"+9665000{code}"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    row = await stage.row(sms)
    assert (row["error_code"], row["attempt_count"]) == (f"twilio_{code}", 1)
    assert await stage.events() == ["failed"]


@pytest.mark.covers("Q6")
async def test_a_provider_that_names_a_time_is_left_alone_until_then(stage, fixed_clock):
    stage.clock = fixed_clock
    stage.twilio.fault("status", method="POST", code=429, retry_after="120")
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: tried(stage, sms, 1))
        await eventually(lambda: stage.has(sms, "pending"))
    assert (await stage.row(sms))["due_at"] == fixed_clock.now() + timedelta(seconds=120)


@pytest.mark.covers("Q6")
@pytest.mark.parametrize(
    ("code", "outcome"), [(500, "retryable"), (502, "retryable"), (503, "retryable"), (400, "refused")]
)
async def test_an_error_in_the_providers_own_words_is_a_refusal(stage, code, outcome):
    stage.twilio.fault(
        "status", method="POST", code=code, body={"code": 20500, "message": "no", "status": code}
    )
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: tried(stage, sms, 1))
    (attempt,) = await stage.attempts(sms)
    assert (attempt["outcome"], attempt["code"]) == (outcome, "twilio_20500")


@pytest.mark.covers("Q6")
async def test_a_provider_that_cannot_be_reached_has_not_been_told_anything(stage):
    stage.configured(twilio_base_url=f"http://127.0.0.1:{free_port()}")
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: tried(stage, sms, 1))
    (attempt,) = await stage.attempts(sms)
    assert (attempt["outcome"], attempt["code"]) == ("retryable", "twilio_unreachable")


@pytest.mark.covers("Q6")
@pytest.mark.parametrize(
    ("command", "code", "outcome"),
    [
        ("RCPT", 550, "refused"),
        ("RCPT", 450, "retryable"),
        ("DATA", 552, "refused"),
        ("DATA", 451, "retryable"),
    ],
)
async def test_a_mail_relays_reply_decides(stage, command, code, outcome):
    stage.smtp.fault("status", method=command, code=code)
    mail = await stage.due(channel="email")
    async with stage.dispatching():
        await eventually(lambda: tried(stage, mail, 1))
    (attempt,) = await stage.attempts(mail)
    assert (attempt["outcome"], attempt["code"]) == (outcome, f"smtp_{code}")
    assert stage.smtp.mails() == []


async def test_a_relay_lost_before_the_text_has_not_been_told_anything(stage):
    stage.smtp.fault("reset_before_accept", method="RCPT")
    mail = await stage.due(channel="email")
    async with stage.dispatching():
        await eventually(lambda: tried(stage, mail, 1))
    (attempt,) = await stage.attempts(mail)
    assert attempt["outcome"] == "retryable"


async def test_a_line_break_in_a_header_is_refused(stage):
    mail = await stage.due(
        channel="email", recipient_id=stage.directory.knows(email="sara@example.com\r\nBcc: all@example.com")
    )
    async with stage.dispatching():
        await eventually(lambda: stage.has(mail, "failed"))
    assert (await stage.row(mail))["error_code"] == "smtp_header"
    assert stage.smtp.attempts() == []


async def test_what_a_provider_says_is_kept_but_for_what_no_database_can_hold(stage):
    told = {"code": 21211, "message": "no\0such \\\0 \\u0000 number"}
    stage.twilio.fault("status", method="POST", code=400, body=told)
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    assert (await stage.row(sms))["provider_response"]["message"] == "no such \\  \\u0000 number"
