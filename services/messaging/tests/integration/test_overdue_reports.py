"""Reports that nobody could take: the provider is asked what became of its messages."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.dispatch.wiring import delivery_reports
from kursi_messaging.domain.words import Status
from kursi_messaging.ports import Report
from kursi_messaging.store import claims, reports
from kursi_messaging.store.claims import Asking

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
        rows = await claims.overdue(connection, Asking(providers=["twilio"], now=stage.clock.now(), **RULES))
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


async def given_up(stage, ago: timedelta, looked_at: timedelta | None = None, **changes: object):
    """A message that was handed over so long ago and given up, as nobody could tell whether it had arrived."""
    now = stage.clock.now()
    usual = {
        "status": "failed",
        "error_code": "outcome_unknown",
        "provider": "twilio",
        "body": "See you soon",
        "attempt_count": 1,
        "recipient_id": stage.directory.knows(),
        "updated_at": now - (ago if looked_at is None else looked_at),
    }
    message = await stage.due(**{**usual, **changes})
    await stage.insert(
        "attempts",
        {
            "notification_id": message,
            "number": 1,
            "provider": "twilio",
            "lease_token": new_id(),
            "dispatched_at": now - ago,
            "finished_at": now - ago,
            "outcome": "ambiguous",
        },
    )
    return message


async def looked_for(stage) -> set:
    async with stage.database.autocommit() as connection:
        rows = await claims.doubtful(connection, Asking(providers=["twilio"], now=stage.clock.now(), **RULES))
    return {row.id for row in rows}


async def in_doubt(stage, message, ago: timedelta = 11 * MINUTE) -> None:
    """The message as if no answer had told that the provider has it."""
    await stage.execute(
        "UPDATE notifications SET status = 'failed', error_code = 'outcome_unknown', external_id = '', "
        "updated_at = updated_at - %s WHERE id = %s",
        ago,
        message,
    )
    await stage.execute(
        "UPDATE attempts SET outcome = 'ambiguous', dispatched_at = dispatched_at - %s WHERE notification_id = %s",
        ago,
        message,
    )


@pytest.mark.covers("X15", "V8")
@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("+966512345678", "delivered", ""), ("+966500030003", "failed", "twilio_30003")],
)
async def test_a_message_that_was_given_up_in_doubt_is_looked_for(stage, number, status, code):
    sms, message = await unreported(stage, phone_number=number)
    await in_doubt(stage, sms)
    async with stage.dispatching():
        await eventually(lambda: is_known(stage, sms))
    row = await stage.row(sms)
    assert (row["status"], row["error_code"], row["external_id"]) == (status, code, message.sid)
    assert [attempt.method for attempt in stage.twilio.attempts()] == ["POST", "GET", "GET"]
    assert [attempt["outcome"] for attempt in await stage.attempts(sms)] == ["accepted"]


async def is_known(stage, message) -> bool:
    return bool((await stage.row(message))["external_id"])


@pytest.mark.covers("V8")
async def test_the_same_answer_about_a_second_try_counts_for_it_too(stage):
    sms = await sent(stage, 20 * MINUTE)
    first = await stage.row(sms)
    asked = Report(
        provider="twilio",
        notification_id=sms,
        external_id=first["external_id"],
        status=Status.FAILED,
        reported_status="undelivered",
        error_code="twilio_30003",
    )
    await stage.reports.learn(asked)
    for change in (
        "status = 'pending'",
        "status = 'sending', lease_token = id, lease_until = now()",
        "status = 'sent', external_id = 'of the second try', lease_token = NULL, lease_until = NULL",
    ):
        await stage.execute(f"UPDATE notifications SET {change} WHERE id = %s", sms)
    await stage.reports.learn(asked)
    assert await stage.has(sms, "sent")
    await stage.reports.learn(replace(asked, external_id="of the second try"))
    assert await stage.has(sms, "failed")


@pytest.mark.covers("X15")
async def test_two_messages_in_doubt_do_not_both_claim_the_one_that_the_provider_has(stage):
    first, message = await unreported(stage)
    (person,) = {row["recipient_id"] for row in await stage.rows()}
    await in_doubt(stage, first)
    body = (await stage.row(first))["body"]
    second = await given_up(stage, 11 * MINUTE, recipient_id=person, body=body)
    marker = await given_up(stage, 10 * MINUTE)
    async with stage.dispatching():
        await eventually(lambda: asked_for(stage, 3))
    rows = [await stage.row(one) for one in (first, second, marker)]
    assert sorted(row["status"] for row in rows) == ["delivered", "failed", "failed"]
    assert {row["external_id"] for row in rows} == {"", message.sid}


class SweptMeanwhile:
    """The database, in which the sweeper takes a report on as soon as it is written down, and needs a while."""

    def __init__(self, stage) -> None:
        self._stage = stage
        self.has_learned = asyncio.Event()
        self.sweeping: list[asyncio.Task] = []

    def __getattr__(self, name):
        return getattr(self._stage.database, name)

    @asynccontextmanager
    async def autocommit(self):
        async with self._stage.database.autocommit() as connection:
            yield connection
        has_begun = asyncio.Event()
        self.sweeping.append(asyncio.create_task(self._sweep(has_begun)))
        await has_begun.wait()

    async def _sweep(self, has_begun):
        async with self._stage.database.transaction() as connection:
            waiting = await reports.parked(connection, 10, None)
            has_begun.set()
            await eventually(self._is_waited_for)
            await reports.apply_all(connection, waiting, self._stage.clock.now())

    async def _is_waited_for(self):
        return self.has_learned.is_set() or await self._stage.select(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )


@pytest.mark.covers("X15")
async def test_what_a_provider_said_is_known_once_it_was_learned_whoever_writes_it_down(stage):
    """Otherwise the next message in doubt would take what the provider has for its own."""
    message = await sent(stage, 11 * MINUTE)
    sid = (await stage.row(message))["external_id"]
    database = SweptMeanwhile(stage)
    learned = delivery_reports(stage.settings, database, stage.clock)
    said = Report(
        provider="twilio",
        notification_id=message,
        external_id=sid,
        status=Status.DELIVERED,
        reported_status="delivered",
        error_code="",
    )

    await learned.learn(said)
    was_known = await stage.has(message, "delivered")

    database.has_learned.set()
    await asyncio.gather(*database.sweeping)
    assert was_known


async def asked_for(stage, lists: int) -> bool:
    """Whether the provider's list was read so often, and what it said was written down."""
    read = [attempt for attempt in stage.twilio.attempts() if attempt.path.endswith("Messages.json")]
    return len(read) >= 1 + lists and bool(await stage.select("SELECT 1 FROM delivery_reports"))


@pytest.mark.covers("X15")
async def test_a_doubt_is_cleared_up_for_a_day_and_each_time_later(stage):
    first = await given_up(stage, 10 * MINUTE)
    again = await given_up(stage, 20 * MINUTE, looked_at=10 * MINUTE)
    dead = await given_up(stage, 40 * MINUTE, looked_at=20 * MINUTE, status="dead")
    await given_up(stage, 9 * MINUTE)
    await given_up(stage, 39 * MINUTE, looked_at=19 * MINUTE)
    await given_up(stage, timedelta(days=1))
    await given_up(stage, 10 * MINUTE, error_code="twilio_21610")
    await given_up(stage, 10 * MINUTE, provider="smtp", channel="email")

    assert await looked_for(stage) == {first, again, dead}
    assert await looked_for(stage) == set()


@pytest.mark.covers("X15")
async def test_a_message_of_two_tries_in_doubt_is_looked_for_since_the_first(stage):
    doubt = await given_up(stage, 30 * MINUTE, looked_at=15 * MINUTE)
    first, *_ = await stage.attempts(doubt)
    later = first["dispatched_at"] + 15 * MINUTE
    await stage.insert("attempts", {**first, "number": 2, "dispatched_at": later, "finished_at": later})
    async with stage.database.autocommit() as connection:
        found = await claims.doubtful(
            connection, Asking(providers=["twilio"], now=stage.clock.now(), **RULES)
        )
    assert [row.dispatched_at for row in found] == [first["dispatched_at"]]


@pytest.mark.covers("X15")
async def test_a_doubt_waits_while_another_message_is_on_its_way_to_the_same_person(stage):
    doubt = await given_up(stage, 10 * MINUTE, recipient_id=stage.sara)
    lease = {"lease_token": new_id(), "lease_until": stage.clock.now() + MINUTE}
    under_way = await stage.due(status="sending", **lease)
    beside = await given_up(stage, 10 * MINUTE)

    assert await looked_for(stage) == {beside}
    await stage.execute(
        "UPDATE notifications SET status = 'sent', lease_token = NULL, lease_until = NULL WHERE id = %s",
        under_way,
    )
    assert await looked_for(stage) == {doubt}
