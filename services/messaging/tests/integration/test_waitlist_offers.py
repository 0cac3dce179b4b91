"""Whoever waits is told of an offer once, in time, and never of one that is gone."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from kursi_chassis.clock import SystemClock
from kursi_chassis.events.envelope import Poison
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.consumers import decoding
from kursi_messaging.consumers.handlers import Handlers
from kursi_messaging.domain.words import Audience, Channel, Event
from kursi_messaging.main import build_planner
from kursi_messaging.rendering import TemplateKey, render
from messaging_events import NOW, booking, delivered, waiting

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "waitlist"
FILES = sorted(GOLDEN.glob("*.binpb"))
ENDINGS = ["OFFER_DECLINED", "OFFER_EXPIRED", "BOOKED", "CANCELLED"]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def entry():
    return {"entry_id": new_id(), "offer_id": new_id()}


@pytest.mark.covers("B12")
async def test_an_offer_is_told_to_its_customer_on_their_channels(messaging, entry):
    await messaging.hear(waiting("CREATED", 1, **entry), waiting("OFFERED", 2, **entry))
    rows = await messaging.rows()
    assert {row["event"] for row in rows} == {"waitlist_offer"}
    assert {row["audience"] for row in rows} == {"customer"}
    assert {row["status"] for row in rows} == {"pending"}
    assert {row["occurrence"] for row in rows} == {str(entry["offer_id"])}
    assert len({row["channel"] for row in rows}) == len(rows) > 0


@pytest.mark.covers("B12")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Najd Salon", "Sunday 15 March at 3:00 PM", "Thursday 12 March at 3:10 PM"]),
        ("ar", ["صالون نجد", "الأحد 15 مارس", "الخميس 12 مارس"]),
    ],
)
async def test_the_text_says_when_it_is_and_until_when_it_is_kept(messaging, entry, language, words):
    await messaging.hear(waiting("OFFERED", 2, **entry))
    facts = (await messaging.rows())[0]["facts"]
    key = TemplateKey(Event.WAITLIST_OFFER, Audience.CUSTOMER, Channel.SMS)
    body = render(facts, key, language, ZoneInfo("Asia/Riyadh")).body
    assert [word for word in words if word not in body] == []


async def test_an_offer_that_is_heard_twice_is_told_once(messaging, entry):
    offered = delivered(waiting("OFFERED", 2, **entry))
    await messaging.handlers.bookings([offered])
    before = await messaging.rows()
    await messaging.handlers.bookings([offered, delivered(waiting("OFFERED", 2, **entry))])
    assert await messaging.rows() == before


@pytest.mark.covers("B12")
@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_is_not_told_yet_is_taken_back_when_the_offer_ends(messaging, entry, ending):
    await messaging.hear(waiting("OFFERED", 2, **entry))
    await messaging.hear(waiting(ending, 3, **entry))
    assert {(row["status"], row["skip_reason"]) for row in await messaging.rows()} == {
        ("cancelled", "superseded")
    }


@pytest.mark.parametrize("ending", ENDINGS)
async def test_an_offer_that_is_heard_of_after_its_end_is_not_told(messaging, entry, ending):
    await messaging.hear(waiting(ending, 3, **entry))
    await messaging.hear(waiting("OFFERED", 2, **entry))
    assert {(row["status"], row["skip_reason"]) for row in await messaging.rows()} == {("skipped", "stale")}


async def test_an_offer_and_its_end_in_one_batch_tell_nothing(messaging, entry):
    await messaging.hear(waiting("OFFERED", 2, **entry), waiting("OFFER_DECLINED", 3, **entry))
    assert {(row["status"], row["skip_reason"]) for row in await messaging.rows()} == {("skipped", "stale")}


async def test_the_next_offer_to_the_same_entry_is_told_as_well(messaging, entry):
    later = {**entry, "offer_id": new_id()}
    await messaging.hear(waiting("OFFERED", 2, **entry))
    await messaging.hear(waiting("OFFER_DECLINED", 3, **entry), waiting("OFFERED", 4, **later))
    told = {(row["occurrence"], row["status"]) for row in await messaging.rows()}
    assert told == {(str(entry["offer_id"]), "cancelled"), (str(later["offer_id"]), "pending")}


async def test_an_offer_that_ran_out_before_it_was_heard_of_is_not_told(messaging, entry):
    messaging.clock.advance(10 * MINUTE)
    await messaging.hear(waiting("OFFERED", 2, **entry))
    assert {row["skip_reason"] for row in await messaging.rows()} == {"stale"}


async def test_an_offer_out_of_a_replayed_stream_is_not_told(messaging, entry):
    await messaging.hear(
        waiting("OFFERED", 2, occurred=NOW - timedelta(days=9), until=NOW + timedelta(days=1), **entry)
    )
    assert {row["skip_reason"] for row in await messaging.rows()} == {"replay"}


async def test_news_of_bookings_in_the_same_batch_are_told_too(messaging, entry):
    await messaging.hear(booking("CREATED", 1, booking_id=new_id()), waiting("OFFERED", 2, **entry))
    assert {row["event"] for row in await messaging.rows()} == {"booking_created", "waitlist_offer"}


class Later(SystemClock):
    """The machine's clock, ahead of itself."""

    def __init__(self, ahead):
        self.ahead = ahead

    def now(self):
        return super().now() + self.ahead


async def told_by(stage, *messages):
    planner = build_planner(stage.settings, stage.database, stage.clock)
    await Handlers(planner).bookings([delivered(message) for message in messages])


def offered_to(stage, entry, until, revision=2, what="OFFERED"):
    now = stage.clock.now()
    return waiting(what, revision, customer=stage.sara, occurred=now, until=now + until, **entry)


async def statuses(stage):
    return {(row["status"], row["skip_reason"]) for row in await stage.rows()}


async def test_an_open_offer_reaches_its_customer(stage, entry):
    await told_by(stage, offered_to(stage, entry, 10 * MINUTE))
    async with stage.dispatching():
        await eventually(stage.twilio.messages)
    assert "Najd Salon" in stage.twilio.messages()[0].body


@pytest.mark.covers("B12")
async def test_an_offer_that_ran_out_by_the_time_of_sending_is_not_sent(stage, entry):
    await told_by(stage, offered_to(stage, entry, 10 * MINUTE))
    stage.clock = Later(10 * MINUTE)
    async with stage.dispatching():
        await eventually(lambda: all_are(stage, {("skipped", "stale")}))
    assert stage.twilio.messages() == []


@pytest.mark.covers("B12")
async def test_an_offer_that_ends_while_its_message_is_being_written_is_not_sent(stage, entry):
    await told_by(stage, offered_to(stage, entry, 10 * MINUTE))
    stage.directory.answers.clear()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        await told_by(stage, offered_to(stage, entry, 10 * MINUTE, 3, "OFFER_DECLINED"))
        stage.directory.answers.set()
        await eventually(lambda: all_are(stage, {("skipped", "stale"), ("cancelled", "superseded")}))
    assert stage.twilio.messages() == []


async def all_are(stage, wanted):
    found = await statuses(stage)
    return bool(found) and found <= wanted


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pinned_event_of_the_waiting_list_is_understood(file):
    change = decoding.waitlist_change(file.read_bytes())
    assert change.revision >= 1
    assert (change.offer is not None) is file.stem.endswith("waitlist_offered")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_who_reads_only_bookings_passes_the_waiting_list_over(file):
    assert decoding.booking_change(file.read_bytes()) is None


def test_bytes_that_are_no_event_are_poison():
    with pytest.raises(Poison):
        decoding.waitlist_change(b"\xff")
