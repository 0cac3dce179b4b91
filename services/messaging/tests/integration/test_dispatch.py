"""What is due goes out once, on its channel, and is recorded whatever becomes of it."""

import json
from datetime import timedelta

import pytest
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.dispatch.wiring import senders
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Outgoing


async def test_a_due_message_is_sent_and_recorded(stage):
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    row, (attempt,) = await stage.row(sms), await stage.attempts(sms)
    (message,) = stage.twilio.messages()
    assert (message.to, message.sender, message.body) == ("+966512345678", "KURSI", row["body"])
    assert message.status_callback == (
        f"https://api.kursi.example/v1/webhooks/messaging/twilio?notificationId={sms}"
    )
    assert row["external_id"] == message.sid
    assert (row["provider"], row["masked_recipient"], row["attempt_count"]) == ("twilio", "+9665****678", 1)
    assert (attempt["outcome"], attempt["code"]) == ("accepted", "")
    assert attempt["finished_at"] > attempt["dispatched_at"]
    assert await stage.events() == ["sent"]


@pytest.mark.covers("V1")
async def test_each_channel_has_a_provider_of_its_own(stage):
    mail, sms, whatsapp = [await stage.due(channel=name) for name in ("email", "sms", "whatsapp")]
    async with stage.dispatching():
        await eventually(lambda: stage.has(mail, "sent"))
        await eventually(lambda: stage.has(sms, "sent"))
        await eventually(lambda: stage.has(whatsapp, "sent"))
    assert {message.to for message in stage.twilio.messages()} == {
        "+966512345678",
        "whatsapp:+966512345678",
    }
    (whatsapp_message,) = stage.twilio.messages(to="whatsapp:+966512345678")
    assert whatsapp_message.sender == "whatsapp:+14155238886"
    (letter,) = stage.smtp.mails(to="sara@example.com")
    row = await stage.row(mail)
    assert (letter.subject, letter.text.splitlines()) == (row["subject"], row["body"].splitlines())
    assert letter.html.splitlines() == row["html_body"].splitlines()
    assert letter.message_id == f"<{mail}@kursi.example>"
    assert (await stage.row(mail))["masked_recipient"] == "s***@example.com"


@pytest.mark.covers("V2")
async def test_the_console_shows_the_number_and_the_text(stage, tmp_path, capsys):
    stage.configured(sms_provider="console", console_outbox=tmp_path / "messages.jsonl")
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    shown = json.loads((tmp_path / "messages.jsonl").read_text("utf-8"))
    assert (shown["channel"], shown["to"]) == ("sms", "+966512345678")
    assert shown["text"] == (await stage.row(sms))["body"]
    assert stage.twilio.messages() == []


@pytest.mark.covers("V2")
async def test_without_a_file_the_console_prints_a_line(stage, capsys):
    stage.configured(sms_provider="console")
    async with senders(stage.settings, stage.clock) as providers:
        await providers[Channel.SMS].send(
            Outgoing(stage.sara, Channel.SMS, "+966512345678", "", "See you soon", "", "en")
        )
    assert capsys.readouterr().out == "SMS to +966512345678: See you soon\n"


@pytest.mark.parametrize(
    ("contact", "channel", "reason"),
    [({"phone_number": ""}, "sms", "no_phone"), ({"email": ""}, "email", "no_email")],
)
async def test_nobody_is_written_to_without_an_address(stage, contact, channel, reason):
    message = await stage.due(channel=channel, recipient_id=stage.directory.knows(**contact))
    async with stage.dispatching():
        await eventually(lambda: stage.has(message, "skipped"))
    assert (await stage.row(message))["skip_reason"] == reason
    assert (stage.twilio.attempts(), stage.smtp.attempts()) == ([], [])
    assert await stage.attempts(message) == []


@pytest.mark.covers("V12")
@pytest.mark.parametrize("setting", [{"twilio_whatsapp_sender": ""}, {"whatsapp_provider": "off"}])
async def test_a_channel_without_a_sender_of_its_own_is_not_offered(stage, setting):
    stage.configured(**setting)
    whatsapp, sms = await stage.due(channel="whatsapp"), await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(whatsapp, "skipped"))
        await eventually(lambda: stage.has(sms, "sent"))
    assert (await stage.row(whatsapp))["skip_reason"] == "no_sender"


@pytest.mark.covers("V6")
async def test_a_provider_without_a_sender_fails_until_it_is_mended(stage):
    stage.configured(twilio_sms_sender="")
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    assert (await stage.row(sms))["error_code"] == "no_sender"
    assert await stage.events() == ["failed"]
    stage.configured(twilio_sms_sender="KURSI")
    await stage.execute("UPDATE notifications SET status = 'pending', due_at = now() WHERE id = %s", sms)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    assert len(stage.twilio.messages()) == 1


async def test_a_failure_without_a_try_is_not_told_as_older_than_the_tries_before(stage):
    sms = await stage.due(recipient_id=stage.directory.knows(phone_number="+966500021211"))
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    stage.configured(twilio_sms_sender="")
    await stage.execute("UPDATE notifications SET status = 'pending', due_at = now() WHERE id = %s", sms)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    refused, without_sender = await stage.select("SELECT subject, revision FROM outbox ORDER BY id")
    assert refused["subject"] == without_sender["subject"] == "kursi.messaging.v1.notification.failed"
    assert without_sender["revision"] >= refused["revision"]


async def test_wrong_credentials_are_ours_to_mend_and_not_tried_again(stage):
    stage.configured(twilio_auth_token=type(stage.settings.twilio_auth_token)("wrong"))
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "failed"))
    assert (await stage.row(sms))["error_code"] == "twilio_20003"


async def test_a_message_without_a_template_fails(stage):
    odd = await stage.due(audience="staff_member")
    async with stage.dispatching():
        await eventually(lambda: stage.has(odd, "failed"))
    assert (await stage.row(odd))["error_code"] == "template_missing"


@pytest.mark.parametrize(
    "facts",
    [{"total": {"currency_code": "ZZZ", "amount_minor": 1}}, {"start": "9999-12-31T23:59:59+00:00"}],
    ids=repr,
)
async def test_a_message_that_cannot_be_put_into_words_fails_alone(stage, facts):
    about = {"event": "booking_confirmed", "facts": {"time_zone": "Asia/Riyadh", **facts}}
    broken, whole = await stage.due(channel="email", **about), await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(whole, "sent"))
        await eventually(lambda: stage.has(broken, "failed"))
    assert (await stage.row(broken))["error_code"] == "facts_unreadable"


async def test_messages_wait_while_nobody_says_how_to_reach_people(stage):
    stage.directory.is_down = True
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        await eventually(lambda: stage.has(sms, "pending"))
    row = await stage.row(sms)
    assert row["due_at"] > row["created_at"] + timedelta(seconds=2)
    assert (row["attempt_count"], stage.twilio.attempts()) == (0, [])


async def test_a_batch_asks_once_how_to_reach_everybody(stage):
    people = [stage.directory.knows() for _ in range(30)]
    messages = [await stage.due(recipient_id=person) for person in people]
    async with stage.dispatching():
        await eventually(lambda: stage.has(messages[-1], "sent"))
    assert [sorted(asked) for asked in stage.directory.questions] == [sorted(map(str, people))]


async def test_a_text_about_a_customer_names_them_to_the_staff(stage):
    layla = stage.directory.knows(display_name="Layla")
    booking = await stage.booking(customer_id=layla)
    told = await stage.due(
        event="booking_confirmed", audience="staff_member", booking_id=booking, booking_revision=1, facts={}
    )
    async with stage.dispatching():
        await eventually(lambda: stage.has(told, "sent"))
    assert "Layla" in (await stage.row(told))["body"]


@pytest.mark.covers("B18")
async def test_a_text_about_a_visit_booked_by_phone_number_names_nobody_to_the_staff(stage):
    layla = stage.directory.knows(display_name="Layla")
    booking = await stage.booking(customer_id=layla, facts={"walk_in": True})
    told = await stage.due(
        event="booking_confirmed", audience="staff_member", booking_id=booking, booking_revision=1, facts={}
    )
    async with stage.dispatching():
        await eventually(lambda: stage.has(told, "sent"))
    assert "Layla" not in (await stage.row(told))["body"]


async def test_what_the_booking_has_overtaken_is_skipped(stage):
    booking = await stage.booking(state="cancelled", revision=2)
    told = await stage.due(event="booking_confirmed", booking_id=booking, booking_revision=1, facts={})
    async with stage.dispatching():
        await eventually(lambda: stage.has(told, "skipped"))
    assert (await stage.row(told))["skip_reason"] == "stale"
    assert stage.twilio.attempts() == []


@pytest.mark.covers("X19")
async def test_a_booking_cancelled_while_its_reminder_is_claimed_is_noticed(stage):
    start = stage.clock.now() + timedelta(hours=2)
    booking = await stage.booking(start_at=start)
    reminder = await stage.due(
        event="reminder", booking_id=booking, booking_revision=1, facts={"start": start.isoformat()}
    )
    stage.directory.answers.clear()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        assert await stage.has(reminder, "sending")
        await stage.execute("UPDATE booking_view SET state = 'cancelled', last_revision = 2")
        stage.directory.answers.set()
        await eventually(lambda: stage.has(reminder, "skipped"))
    assert (await stage.row(reminder))["skip_reason"] == "stale"
    assert stage.twilio.attempts() == []


async def test_a_message_in_quiet_hours_is_put_off_until_they_end(stage):
    now = stage.clock.now()
    await stage.insert(
        "preferences",
        {
            "user_id": stage.sara,
            "quiet_hours_enabled": True,
            "quiet_hours_start": (now - timedelta(hours=1)).time(),
            "quiet_hours_end": (now + timedelta(hours=1)).time(),
            "revision": 1,
            "updated_at": now,
        },
    )
    stage.directory.people[stage.sara] = {**stage.directory.people[stage.sara], "time_zone": "UTC"}
    await stage.insert("people", {"user_id": stage.sara, "time_zone": "UTC", "revision": 1})
    letter = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(letter, "deferred"))
    until = (await stage.row(letter))["due_at"] - now
    assert timedelta(minutes=59) < until <= timedelta(minutes=60)


async def test_a_scheduled_message_goes_out_soon_after_its_time_and_never_before(stage):
    stage.configured(dispatch_idle_seconds=0.5)
    later = await stage.due(status="scheduled", due_at=stage.clock.now() + timedelta(seconds=0.3))
    async with stage.dispatching():
        await eventually(lambda: stage.has(later, "sent"))
    row, (attempt,) = await stage.row(later), await stage.attempts(later)
    assert timedelta() <= attempt["dispatched_at"] - row["due_at"] < timedelta(seconds=60)


async def test_a_nudge_wakes_an_idle_dispatcher(stage):
    stage.configured(dispatch_idle_seconds=3_600)
    async with stage.dispatching() as dispatcher:
        first = await stage.due()
        await eventually(lambda: stage.has(first, "sent"))
        dispatcher.pause_seconds = 1_800  # it gets there by itself, in half an hour
        dispatcher.nudge()
        await eventually(lambda: dispatcher.pause_seconds == 3_600)
        second = await stage.due()
        dispatcher.nudge()
        await eventually(lambda: stage.has(second, "sent"))
