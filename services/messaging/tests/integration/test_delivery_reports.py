"""Reports of a provider: signed, kept, and only ever moving a message forward."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.ports import IncomingReport
from kursi_messaging.usecases.apply_delivery_report import (
    SENT_AFTER_ALL,
    ProviderUnknown,
    WebhookMalformed,
    WebhookRefused,
)
from kursi_simulators import credentials
from kursi_simulators.twilio.signature import sign

PATH = "/v1/webhooks/messaging/twilio"


@pytest.fixture
async def sent(stage):
    """A message that the provider has; its reports are still on their way."""
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    return sms


async def states(stage) -> list[str]:
    rows = await stage.select("SELECT state FROM delivery_reports ORDER BY id")
    return [row["state"] for row in rows]


def by_id_only(callback):
    """The same report to an address that names no message of ours."""
    url = callback.url.partition("?")[0]
    pairs = [tuple(pair.split("=", 1)) for pair in callback.body.decode().replace("%2B", "+").split("&")]
    headers = {**callback.headers, "x-twilio-signature": sign(url, pairs, credentials.TWILIO_AUTH_TOKEN)}
    return replace(callback, url=url, headers=headers)


@pytest.mark.covers("V8")
async def test_a_report_moves_a_message_to_delivered_and_tells_the_others(stage, sent):
    await stage.deliver(await stage.reported("delivered"))
    row = await stage.row(sent)
    assert (row["status"], row["delivery_status"]) == ("delivered", "delivered")
    assert row["delivered_at"] >= row["sent_at"]
    assert await stage.events() == ["sent", "delivered"]
    assert await states(stage) == ["applied"]


@pytest.mark.covers("V8")
async def test_a_forged_report_is_refused_and_changes_nothing(stage, sent):
    callback = await stage.reported("delivered")
    forged = replace(callback, body=callback.body.replace(b"delivered", b"undelivered"))
    with pytest.raises(WebhookRefused):
        await stage.deliver(forged)
    assert await stage.has(sent, "sent")
    assert await states(stage) == []


async def test_a_report_to_another_address_is_refused(stage, sent):
    callback = await stage.reported("delivered")
    with pytest.raises(WebhookRefused):
        await stage.deliver(replace(callback, url=callback.url.replace(str(sent), str(stage.sara))))


async def test_a_signed_report_that_says_nothing_is_malformed(stage):
    body, url = b"Hello=1", f"https://api.kursi.example{PATH}"
    signature = sign(url, [("Hello", "1")], credentials.TWILIO_AUTH_TOKEN)
    incoming = IncomingReport(
        provider="twilio", notification_id="", body=body,
        content_type="application/x-www-form-urlencoded",
        headers={"x-envoy-original-path": PATH, "x-twilio-signature": signature},
    )  # fmt: skip
    with pytest.raises(WebhookMalformed):
        await stage.reports.receive(incoming)
    with pytest.raises(ProviderUnknown):
        await stage.reports.receive(replace(incoming, provider="nobody"))


@pytest.mark.covers("X18")
async def test_reports_out_of_order_leave_the_furthest_state(stage, sent):
    queued, delivered = await stage.reported("queued"), await stage.reported("delivered")
    for callback in (delivered, await stage.reported("sent"), queued):
        await stage.deliver(callback)
    assert await stage.has(sent, "delivered")
    assert await states(stage) == ["applied", "ignored", "ignored"]
    assert await stage.events() == ["sent", "delivered"]


@pytest.mark.covers("X18")
async def test_the_same_report_many_times_at_once_counts_once(stage, sent):
    callback = await stage.reported("delivered")
    await asyncio.gather(*(stage.deliver(callback) for _ in range(20)))
    assert await stage.has(sent, "delivered")
    assert await states(stage) == ["applied"]
    assert await stage.events() == ["sent", "delivered"]


@pytest.mark.covers("X18")
async def test_a_report_after_the_end_changes_nothing(stage, sent):
    await stage.execute("UPDATE notifications SET status = 'failed', error_code = 'x' WHERE id = %s", sent)
    await stage.deliver(await stage.reported("delivered"))
    row = await stage.row(sent)
    assert (row["status"], row["error_code"]) == ("failed", "x")
    assert await states(stage) == ["ignored"]


async def given_up(stage, message, status: str = "failed") -> None:
    """As a message is whose provider took it without an answer that reached us, on the way that it would take."""
    for change in (
        "status = 'failed', error_code = 'x'",
        "status = 'pending', error_code = ''",
        "status = 'sending', external_id = '', sent_at = NULL, lease_token = id, lease_until = now()",
        f"status = '{status}', error_code = 'outcome_unknown', lease_token = NULL, lease_until = NULL",
    ):
        await stage.execute(f"UPDATE notifications SET {change} WHERE id = %s", message)
    await stage.execute("UPDATE attempts SET outcome = 'ambiguous' WHERE notification_id = %s", message)


def sent_after_all() -> float:
    return SENT_AFTER_ALL.labels("sms", "twilio")._value.get()


@pytest.mark.covers("X17")
async def test_a_message_that_was_given_up_in_doubt_was_delivered_when_its_provider_says_so(stage, sent):
    await given_up(stage, sent)
    before = sent_after_all()
    callback = await stage.reported("delivered")
    await asyncio.gather(*(stage.deliver(callback) for _ in range(5)))
    row, (message,) = await stage.row(sent), stage.twilio.messages()
    assert (row["status"], row["error_code"], row["external_id"]) == ("delivered", "", message.sid)
    assert row["delivered_at"] is not None
    assert [attempt["outcome"] for attempt in await stage.attempts(sent)] == ["accepted"]
    assert (await stage.events(), await states(stage)) == (["sent", "delivered"], ["applied"])
    assert sent_after_all() == before + 1


@pytest.mark.covers("X17")
async def test_what_was_given_up_in_doubt_and_was_sent_after_all_is_not_sent_again(stage, sent):
    await given_up(stage, sent)
    await stage.deliver(await stage.reported("sent"))
    assert await stage.has(sent, "sent")
    await stage.deliver(await stage.reported("delivered"))
    assert await stage.has(sent, "delivered")
    async with stage.dispatching():
        after = await stage.due()
        await eventually(lambda: stage.has(after, "sent"))
    assert len(stage.twilio.messages()) == 2
    assert (await stage.row(sent))["attempt_count"] == 1


@pytest.mark.covers("X17")
@pytest.mark.parametrize("status", ["failed", "dead"])
async def test_a_report_of_failure_says_why_what_was_given_up_in_doubt_failed(stage, status):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number="+966500030003"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    await given_up(stage, sms, status)
    before = sent_after_all()
    await stage.deliver(await stage.reported("undelivered"))
    row = await stage.row(sms)
    assert (row["status"], row["error_code"]) == (status, "twilio_30003")
    assert (await stage.events(), await states(stage)) == (["sent"], ["applied"])
    await stage.deliver(await stage.reported("sent"))
    assert (await stage.has(sms, status), sent_after_all()) == (True, before)


@pytest.mark.covers("X18")
async def test_a_second_report_of_failure_leaves_the_reason_of_the_first(stage):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number="+966500030003"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    await stage.execute("UPDATE notifications SET status = 'failed', error_code = 'x' WHERE id = %s", sms)
    await stage.deliver(await stage.reported("undelivered"))
    assert (await stage.row(sms))["error_code"] == "x"
    assert await states(stage) == ["ignored"]


@pytest.mark.covers("X18")
async def test_a_try_that_arrived_counts_more_than_a_later_one_that_failed(stage, sent):
    failed = "status = 'failed', error_code = 'twilio_30003', external_id = 'of the next try'"
    await stage.execute(f"UPDATE notifications SET {failed} WHERE id = %s", sent)
    await stage.deliver(await stage.reported("delivered"))
    row, (message,) = await stage.row(sent), stage.twilio.messages()
    assert (row["status"], row["error_code"], row["external_id"]) == ("delivered", "", message.sid)


@pytest.mark.covers("X18")
@pytest.mark.parametrize("word", ["sent", "delivered"])
async def test_a_report_of_a_try_that_was_taken_for_lost_marks_the_message_as_possibly_sent_twice(
    stage, sent, word
):
    """The provider said that it was busy and sent it all the same; by the time it says so, the next try has gone out."""
    callback = await stage.reported(word)
    await stage.execute("UPDATE notifications SET external_id = 'of the next try' WHERE id = %s", sent)
    await stage.deliver(callback)
    row = await stage.row(sent)
    assert (row["status"], row["external_id"], row["possible_duplicate"]) == (word, "of the next try", True)


@pytest.mark.covers("X18")
async def test_reports_of_a_message_that_went_once_mark_no_duplicate(stage, sent):
    for word in ("sent", "delivered", "queued"):
        await stage.deliver(await stage.reported(word))
    assert (await stage.row(sent))["possible_duplicate"] is False


async def test_what_could_not_be_delivered_fails_with_the_providers_code(stage):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number="+966500030003"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    await stage.deliver(await stage.reported("undelivered"))
    row = await stage.row(sms)
    assert (row["status"], row["error_code"]) == ("failed", "twilio_30003")
    assert await stage.events() == ["sent", "failed"]


@pytest.mark.covers("X18")
async def test_what_became_of_an_earlier_try_does_not_undo_a_later_one(stage):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number="+966500030003"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    await stage.execute("UPDATE notifications SET external_id = 'of the next try' WHERE id = %s", sms)
    await stage.deliver(await stage.reported("undelivered"))
    assert await stage.has(sms, "sent")
    assert (await stage.row(sms))["possible_duplicate"] is False
    assert await states(stage) == ["ignored"]


@pytest.mark.covers("X17")
async def test_a_report_that_overtakes_the_answer_is_applied_by_reference(stage):
    stage.configured(provider_timeout_seconds=2.5, lease_seconds=30, report_wait_seconds=30)
    stage.twilio.fault("timeout_after_accept", method="POST")
    sms = await stage.due()
    async with stage.dispatching():
        callback = await stage.reported("delivered")
        assert await stage.has(sms, "sending")
        await stage.deliver(callback)
        # The sweeper may hold the report at this moment: then it is the one that applies it.
        await eventually(lambda: stage.has(sms, "delivered"))
    (attempt,) = await stage.attempts(sms)
    assert attempt["outcome"] == "accepted"
    assert await stage.events() == ["delivered"]


@pytest.mark.covers("X17")
async def test_a_report_that_knows_only_the_providers_id_waits_for_its_message(stage):
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    row = await stage.row(sms)
    await stage.execute("UPDATE notifications SET external_id = '' WHERE id = %s", sms)
    await stage.deliver(by_id_only(await stage.reported("delivered")))
    assert await states(stage) == ["parked"]
    await stage.execute("UPDATE notifications SET external_id = %s WHERE id = %s", row["external_id"], sms)
    await stage.reports.settle_parked()
    assert await stage.has(sms, "delivered")
    assert await states(stage) == ["applied"]


async def test_reports_that_wait_for_long_keep_no_later_one_back(stage, sent, monkeypatch):
    monkeypatch.setattr("kursi_messaging.usecases.apply_delivery_report._AT_ONCE", 2)
    await stage.execute(
        "INSERT INTO delivery_reports (id, provider, fingerprint, external_id, status, reported_status, error_code, "
        "payload, state, received_at) SELECT gen_random_uuid(), 'twilio', int4send(number), 'SM-unknown', 'delivered', "
        "'delivered', '', '', 'parked', now() FROM generate_series(1, 4) AS number"
    )
    row = await stage.row(sent)
    await stage.execute("UPDATE notifications SET external_id = '' WHERE id = %s", sent)
    await stage.deliver(by_id_only(await stage.reported("delivered")))
    await stage.execute("UPDATE notifications SET external_id = %s WHERE id = %s", row["external_id"], sent)
    await stage.reports.settle_parked()
    assert await stage.has(sent, "delivered")


@pytest.mark.covers("X17")
async def test_a_report_about_nothing_we_know_is_given_up_after_five_minutes(stage, sent, fixed_clock):
    stage.clock = fixed_clock
    callback = by_id_only(await stage.reported("delivered"))
    await stage.execute("DELETE FROM notifications")
    await stage.deliver(callback)
    fixed_clock.advance(timedelta(minutes=4, seconds=59))
    await stage.reports.settle_parked()
    assert await states(stage) == ["parked"]
    fixed_clock.advance(timedelta(seconds=2))
    await stage.reports.settle_parked()
    assert await states(stage) == ["ignored"]


async def test_a_report_stops_a_retry_that_is_already_planned(stage):
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    callback = await stage.reported("delivered")
    await stage.execute("DELETE FROM outbox")
    again = {"status": "pending", "external_id": "", "due_at": stage.clock.now()}
    await stage.execute("UPDATE notifications SET status = 'failed', error_code = 'x' WHERE id = %s", sms)
    await stage.execute(
        "UPDATE notifications SET status = %s, external_id = %s, due_at = %s WHERE id = %s",
        *again.values(),
        sms,
    )
    await stage.deliver(callback)
    assert await stage.has(sms, "pending")
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "delivered"))
    assert len(stage.twilio.messages()) == 1


async def test_a_report_corrects_an_answer_that_said_not_now(stage, fixed_clock):
    """A relay on the way gave up on a request that the provider then carried out."""
    stage.clock = fixed_clock
    stage.twilio.fault("status_after_accept", method="POST", code=503)
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: ended(stage, sms, "retryable"))
        await stage.deliver(await stage.reported("delivered"))
        fixed_clock.advance(timedelta(minutes=1))
        await eventually(lambda: stage.has(sms, "delivered"))
    assert await ended(stage, sms, "accepted")
    assert len(stage.twilio.messages()) == 1


async def ended(stage, message, outcome):
    return [attempt["outcome"] for attempt in await stage.attempts(message)] == [outcome]
