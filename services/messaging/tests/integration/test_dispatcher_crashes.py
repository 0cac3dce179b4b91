"""A dispatcher that is killed, at every point that matters: nothing is lost, and nothing is doubled unseen."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from kursi_chassis.clock import FixedClock
from kursi_chassis.errors import Unavailable
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.domain.words import Status
from kursi_messaging.store import claims
from kursi_messaging.store.verdicts import Tried, Verdict, settle


@asynccontextmanager
async def dispatcher_process(stage, **changes: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m kursi_messaging dispatch`, killed at the end unless it is dead already."""
    settings = stage.settings.model_copy(update=changes)
    told = {
        name: getattr(settings, name)
        for name in (
            "database_url", "client_secret", "token_issuer", "page_token_key", "identity_address",
            "email_provider", "sms_provider", "whatsapp_provider", "twilio_base_url", "twilio_account_sid",
            "twilio_auth_token", "twilio_sms_sender", "public_url", "smtp_host", "smtp_port", "smtp_security",
            "smtp_sender", "provider_timeout_seconds", "lease_seconds", "report_wait_seconds",
        )
    }  # fmt: skip
    environment = {
        f"KURSI_MESSAGING_{name.upper()}": value.get_secret_value()
        if hasattr(value, "get_secret_value")
        else str(value)
        for name, value in told.items()
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kursi_messaging", "dispatch", env={**os.environ, **environment}
    )
    try:
        yield process
    finally:
        await kill(process)


async def kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


async def confirmation(stage, **changes) -> object:
    booking = await stage.booking()
    return await stage.due(
        event="booking_confirmed", booking_id=booking, booking_revision=1, priority=1, facts={}, **changes
    )


async def waits_for_a_lock(stage) -> bool:
    rows = await stage.select(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'kursi-messaging-dispatch' "
        "AND datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(rows)


@pytest.mark.covers("X14")
async def test_killed_after_the_claim_it_leaves_a_message_that_was_never_handed_over(stage):
    stage.directory.answers.clear()
    sms = await confirmation(stage)
    async with dispatcher_process(stage) as process:
        await eventually(lambda: stage.directory.questions)
        await kill(process)
    assert (await stage.has(sms, "sending"), await stage.attempts(sms)) == (True, [])
    stage.directory.answers.set()
    await stage.execute("UPDATE notifications SET lease_until = now()")
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    row = await stage.row(sms)
    assert (row["possible_duplicate"], row["attempt_count"], len(stage.twilio.messages())) == (False, 1, 1)


@pytest.mark.covers("X15")
async def test_killed_during_calls_it_leaves_doubts_that_a_list_clears_up_or_one_marked_repetition(stage):
    stage.twilio.fault("timeout_after_accept", method="POST")
    stage.smtp.fault("slow", method="DATA", seconds=60)
    sms, mail = await confirmation(stage), await confirmation(stage, channel="email")
    async with dispatcher_process(stage, provider_timeout_seconds=20, lease_seconds=60) as process:
        await eventually(lambda: stage.twilio.messages() and stage.smtp.attempts())
        await kill(process)
    tries = [*await stage.attempts(sms), *await stage.attempts(mail)]
    assert [attempt["outcome"] for attempt in tries] == [None, None]
    assert {row["status"] for row in await stage.rows()} == {"sending"}
    await stage.execute("UPDATE notifications SET lease_until = now()")
    async with stage.dispatching():
        await eventually(lambda: everything_is_sent(stage))
    asked, repeated = await stage.row(sms), await stage.row(mail)
    (message,) = stage.twilio.messages()
    assert (asked["external_id"], asked["possible_duplicate"]) == (message.sid, False)
    assert (repeated["possible_duplicate"], repeated["attempt_count"]) == (True, 2)
    assert {letter.message_id for letter in stage.smtp.mails()} == {f"<{mail}@kursi.example>"}
    assert len(stage.smtp.attempts()) == 2


@pytest.mark.covers("X15")
async def test_killed_between_answer_and_record_it_sends_nothing_twice(stage):
    stage.twilio.fault("slow", method="POST", seconds=3)
    sms = await confirmation(stage)
    async with dispatcher_process(stage, provider_timeout_seconds=20, lease_seconds=60) as process:
        await eventually(stage.twilio.attempts)
        async with stage.database.transaction() as holder:
            await holder.execute("SELECT FROM notifications WHERE id = %s FOR UPDATE", [sms])
            await eventually(stage.twilio.messages)
            await eventually(lambda: waits_for_a_lock(stage))
            await kill(process)
    await stage.execute("UPDATE notifications SET lease_until = now() WHERE status = 'sending'")
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    row = await stage.row(sms)
    assert (len(stage.twilio.messages()), row["attempt_count"]) == (1, 1)


@pytest.mark.covers("X16")
async def test_an_answer_that_comes_after_the_lease_is_recorded_without_effect(stage):
    stage.configured(provider_timeout_seconds=20, lease_seconds=60)
    stage.twilio.fault("slow", method="POST", seconds=3)
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(stage.twilio.attempts)
        # Another dispatcher takes over: its token shuts the slow one out.
        await stage.execute(
            "UPDATE notifications SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
        )
        await eventually(stage.twilio.messages)
    row, (attempt,) = await stage.row(sms), await stage.attempts(sms)
    assert (row["status"], row["external_id"]) == ("sending", "")
    assert attempt["outcome"] == "accepted"
    assert await stage.events() == []


async def waits_for_the_attempts(stage) -> bool:
    rows = await stage.select(
        "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE datname = current_database() AND relation = 'attempts'::regclass AND NOT granted"
    )
    return bool(rows)


async def under_way(stage, body: str, since: datetime) -> object:
    """A message whose holder died during the call, which it had begun at `since`."""
    sms = await confirmation(stage, body=body, provider="twilio", status="sending", attempt_count=1,
                             lease_token=new_id(), lease_until=stage.clock.now())  # fmt: skip
    await stage.insert("attempts", {"notification_id": sms, "number": 1, "provider": "twilio",
                                    "lease_token": new_id(), "dispatched_at": since})  # fmt: skip
    return sms


@pytest.mark.covers("X15")
async def test_of_two_messages_in_doubt_with_the_same_words_only_one_is_the_one_that_the_provider_has(stage):
    since, first = stage.clock.now(), await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(first, "sent"))
    body = (await stage.row(first))["body"]
    await stage.execute("DELETE FROM notifications")
    doubts = [await under_way(stage, body, since), await under_way(stage, body, since)]
    async with stage.dispatching():
        await eventually(lambda: everything_is_sent(stage))
    rows = [await stage.row(doubt) for doubt in doubts]
    assert {row["external_id"] for row in rows} == {message.sid for message in stage.twilio.messages()}
    assert sorted(row["possible_duplicate"] for row in rows) == [False, True]


@pytest.mark.covers("X15")
async def test_a_provider_that_answers_nothing_for_a_quarter_of_an_hour_is_waited_for_no_longer(stage):
    stage.twilio.fault("status", method="GET", code=503, times=99)
    doubt = await under_way(stage, "Hello", stage.clock.now() - timedelta(minutes=15))
    async with stage.dispatching():
        await eventually(lambda: stage.has(doubt, "sent"))
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["GET", "POST"]
    assert (await stage.row(doubt))["possible_duplicate"] is True


@pytest.mark.covers("X15")
async def test_another_provider_than_the_one_that_was_given_a_message_is_not_asked_about_it(stage):
    doubt = await under_way(stage, "Hello", stage.clock.now())
    await stage.execute("UPDATE notifications SET provider = 'of last week'")
    async with stage.dispatching():
        await eventually(lambda: stage.has(doubt, "sent"))
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["POST"]
    assert (await stage.row(doubt))["possible_duplicate"] is True


@pytest.mark.covers("X15")
async def test_a_message_under_way_is_left_to_its_holder_while_that_lives(stage):
    """The sweeper looks every 50 ms all the while."""
    stage.twilio.fault("slow", method="POST", seconds=1)
    sms = await confirmation(stage)
    async with stage.dispatching():
        await eventually(lambda: stage.has(sms, "sent"))
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["POST"]
    assert (await stage.row(sms))["attempt_count"] == 1


@pytest.mark.covers("X15")
async def test_a_call_has_a_whole_lease_however_long_its_person_was_looked_for(stage):
    stage.configured(dispatch_sweep_seconds=60)  # nobody takes it over meanwhile
    stage.twilio.fault("slow", method="POST", seconds=1)
    stage.directory.answers.clear()
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        await stage.execute("UPDATE notifications SET lease_until = now()")
        stage.directory.answers.set()
        await eventually(stage.twilio.attempts)
        lease = (await stage.row(sms))["lease_until"] - (await stage.attempts(sms))[0]["dispatched_at"]
    assert lease >= timedelta(seconds=stage.settings.lease_seconds)


@pytest.mark.covers("X16")
async def test_a_holder_that_stood_still_before_the_call_does_not_make_it(stage):
    """Another one may have taken the message for one that was sent, or not, and be sending it now."""
    stage.clock = FixedClock(stage.clock.now())
    async with stage.dispatching():
        async with stage.database.transaction() as holder:
            await holder.execute("LOCK TABLE attempts IN SHARE MODE")
            sms = await confirmation(stage)
            await eventually(lambda: waits_for_the_attempts(stage))
            stage.clock.advance(timedelta(seconds=stage.settings.lease_seconds / 2))
        await eventually(lambda: stage.has(sms, "sent"))
    tries = [(attempt["outcome"], attempt["code"]) for attempt in await stage.attempts(sms)]
    assert tries == [("retryable", "too_late_to_send"), ("accepted", "")]
    assert (len(stage.twilio.attempts()), (await stage.row(sms))["possible_duplicate"]) == (1, False)


@pytest.mark.covers("X16")
async def test_who_lost_a_message_while_looking_for_its_person_does_not_make_the_call(stage):
    stage.directory.answers.clear()
    sms = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        # Another dispatcher took over, and is sending it.
        await stage.execute(
            "UPDATE notifications SET lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'"
        )
        stage.directory.answers.set()
    assert ([*stage.twilio.attempts()], await stage.attempts(sms)) == ([], [])
    assert await stage.has(sms, "sending")


@pytest.mark.covers("X15")
async def test_a_record_whose_commit_nobody_confirmed_leaves_no_doubt_while_its_holder_lives(
    stage, monkeypatch
):
    """PostgreSQL restarts after it took note that the messages are given away; they were not."""
    record, unconfirmed = claims.hand_over, []

    async def hand_over(*args, **changes):
        numbers = await record(*args, **changes)
        if not unconfirmed:
            unconfirmed.append(numbers)
            raise Unavailable
        return numbers

    monkeypatch.setattr(claims, "hand_over", hand_over)
    letter = await stage.due()
    async with stage.dispatching():
        await eventually(lambda: stage.has(letter, "sent"))
    tries = [(attempt["outcome"], attempt["code"]) for attempt in await stage.attempts(letter)]
    assert tries == [("retryable", "not_handed_over"), ("accepted", "")]
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["POST"]
    assert (await stage.row(letter))["possible_duplicate"] is False


@pytest.mark.covers("X16")
async def test_who_lost_a_message_says_nothing_about_the_try_of_somebody_else(stage):
    held = await stage.due(
        status="sending", lease_token=new_id(), lease_until=stage.clock.now(), attempt_count=1
    )
    await stage.insert("attempts", {"notification_id": held, "number": 1, "provider": "twilio",
                                    "lease_token": new_id(), "dispatched_at": stage.clock.now()})  # fmt: skip
    late = Verdict(
        id=held,
        token=new_id(),
        status=Status.PENDING,
        tried=Tried(number=1, outcome="retryable", code="late"),
    )
    async with stage.database.autocommit() as connection:
        assert await settle(connection, [late], wait=timedelta(), now=stage.clock.now()) == set()
    assert [attempt["outcome"] for attempt in await stage.attempts(held)] == [None]


async def test_two_dispatchers_of_which_one_is_killed_send_each_message_once(stage):
    stage.configured(provider_timeout_seconds=4, lease_seconds=9)
    stage.twilio.fault("slow", method="POST", seconds=0.3, times=60)
    people = [stage.directory.knows(phone_number=f"+96651234{number:04}") for number in range(120)]
    for person in people:
        await confirmation(stage, recipient_id=person)
    async with dispatcher_process(stage) as process:
        await eventually(stage.twilio.attempts)
        async with stage.dispatching():
            await eventually(lambda: len(stage.twilio.messages()) >= 20)
            await kill(process)
            await eventually(lambda: everything_is_sent(stage))
    assert sorted(message.to for message in stage.twilio.messages()) == sorted(
        contact["phone_number"] for contact in map(stage.directory.people.get, people)
    )


async def everything_is_sent(stage) -> bool:
    return {row["status"] for row in await stage.rows()} == {"sent"}
