"""A series is told once, whatever happens to its events on the way; what happens to one visit is told as ever."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from kursi_chassis.events.envelope import Poison
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.consumers import decoding, decoding_news
from kursi_messaging.consumers.handlers import Handlers
from kursi_messaging.main import build_planner
from messaging_events import CUSTOMER, IN_THREE_DAYS, NOW, STAFF, booking, delivered, item, series

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "series"
FILES = sorted(GOLDEN.glob("*.binpb"))
WEEK = timedelta(weeks=1)
IDS = [new_id() for _ in range(3)]
SERIES = new_id()
HELPER = new_id()


def visit(number, what="CREATED", revision=1, *, start=None, told_by_series=True, **more):
    return booking(
        what,
        revision,
        booking_id=IDS[number],
        start=start or IN_THREE_DAYS + number * WEEK,
        told_by_series=told_by_series,
        series_id=str(SERIES),
        **{"state": "STATE_CONFIRMED", **more},
    )


def whole(what="CREATED", revision=1, numbers=range(3), *, sum_of_revisions=0, state=""):
    """The events of a change of visits at once, in the order in which booking publishes them."""
    state = state or ("STATE_CANCELLED" if what == "CANCELLED" else "STATE_CONFIRMED")
    visits = [visit(number, what, revision, state=state) for number in numbers]
    grown = sum_of_revisions or sum(one.revision for one in visits)
    return [*visits, series(what, visits, series_id=SERIES, revision=grown)]


ORDERS = list(itertools.permutations(range(4)))[::4]
MADE = whole()
CALLED_OFF = whole("CANCELLED", 2)
ASKED_FOR, CONFIRMED = whole(state="STATE_PENDING"), whole("CONFIRMED", 2)


def sent(rows):
    return sorted(
        (row["audience"], row["event"], row["channel"]) for row in rows if row["status"] == "pending"
    )


def to_both(event):
    people = [("customer", event), ("staff_member", event)]
    return [(*one, channel) for one in people for channel in ("email", "sms")]


ALL_MADE, ALL_CALLED_OFF = to_both("series_created"), to_both("series_cancelled")


async def news(messaging):
    return await messaging.rows("event <> 'reminder'")


@pytest.mark.covers("B11", "M7")
async def test_a_series_is_one_message_to_each_and_its_visits_are_recorded_as_told_by_it(messaging):
    await messaging.hear(*MADE)
    rows = await news(messaging)
    assert sent(rows) == ALL_MADE
    single = [row for row in rows if row["event"] == "booking_created"]
    assert {(row["status"], row["skip_reason"]) for row in single} == {("skipped", "series")}
    assert {row["booking_id"] for row in single} == set(IDS)


async def test_each_visit_of_a_series_is_reminded_of(messaging):
    await messaging.hear(*MADE)
    rows = await messaging.rows("event = 'reminder' AND status = 'scheduled'")
    assert {row["booking_id"] for row in rows} == set(IDS)
    assert len(rows) == 9


@pytest.mark.covers("B11", "M7")
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(map(str, order)))
async def test_in_whatever_order_and_however_often_the_events_come_it_is_told_once(messaging, order):
    events = [delivered(MADE[place]) for place in order]
    for event in (*events, *events[::-1]):
        await messaging.handlers.bookings([event])
    assert sent(await news(messaging)) == ALL_MADE


@pytest.mark.covers("B11", "M7")
async def test_confirming_a_series_is_one_message_to_each_and_each_visit_is_reminded_of_from_then_on(
    messaging,
):
    await messaging.hear(*ASKED_FOR)
    assert await messaging.rows("event = 'reminder'") == []
    await messaging.hear(*CONFIRMED)
    await messaging.hear(*CONFIRMED)
    rows = await news(messaging)
    assert sent(rows) == sorted([*ALL_MADE, *to_both("series_confirmed")])
    single = [row for row in rows if row["event"] == "booking_confirmed"]
    assert {(row["status"], row["skip_reason"]) for row in single} == {("skipped", "series")}
    reminders = await messaging.rows("event = 'reminder' AND status = 'scheduled'")
    assert {row["booking_id"] for row in reminders} == set(IDS)


@pytest.mark.covers("B11")
async def test_taking_a_series_back_is_told_once_and_takes_its_reminders_back(messaging):
    await messaging.hear(*MADE)
    await messaging.hear(*CALLED_OFF)
    await messaging.hear(*CALLED_OFF)
    rows = await messaging.rows()
    assert [one for one in sent(rows) if "cancelled" in one[1]] == ALL_CALLED_OFF
    assert {row["status"] for row in rows if row["event"] == "reminder"} == {"cancelled"}


async def test_two_parts_of_a_series_that_are_taken_back_one_after_the_other_are_two_messages(messaging):
    await messaging.hear(*MADE)
    await messaging.hear(*whole("CANCELLED", 2, [2], sum_of_revisions=4))
    await messaging.hear(*whole("CANCELLED", 2, [1], sum_of_revisions=5))
    rows = await messaging.rows("event = 'series_cancelled' AND channel = 'email' AND audience = 'customer'")
    told = [[visit["booking_id"] for visit in row["facts"]["visits"]] for row in rows]
    assert told == [[str(IDS[2])], [str(IDS[1])]]


async def test_what_happens_to_one_visit_is_told_as_ever(messaging):
    await messaging.hear(*MADE)
    alone = {"told_by_series": False}
    await messaging.hear(visit(0, "CANCELLED", 2, state="STATE_CANCELLED", **alone))
    await messaging.hear(visit(1, "RESCHEDULED", 2, start=IN_THREE_DAYS + timedelta(days=1), **alone))
    by_themselves = sorted([*to_both("booking_cancelled"), *to_both("booking_rescheduled")])
    assert [one for one in sent(await news(messaging)) if one not in ALL_MADE] == by_themselves


async def test_everybody_who_works_on_some_of_the_visits_is_told_of_those(messaging):
    helped = [item(STAFF, start=IN_THREE_DAYS + WEEK, helpers=[HELPER])]
    visits = [visit(0), visit(1, items=helped), visit(2)]
    await messaging.hear(*visits, series("CREATED", visits, series_id=SERIES))
    rows = await messaging.rows("event = 'series_created' AND channel = 'sms'")
    told = {row["recipient_id"]: [one["booking_id"] for one in row["facts"]["visits"]] for row in rows}
    everything = [str(one) for one in IDS]
    assert told == {CUSTOMER: everything, STAFF: everything, HELPER: everything[1:2]}


async def test_a_series_out_of_a_replayed_stream_is_not_told(messaging):
    old = NOW - timedelta(days=9)
    await messaging.hear(series("CREATED", MADE[:3], series_id=SERIES, occurred=old))
    assert {(row["status"], row["skip_reason"]) for row in await messaging.rows()} == {("skipped", "replay")}


async def told_to_sara(stage, *messages):
    planner = build_planner(stage.settings, stage.database, stage.clock)
    handlers = Handlers(planner)
    await stage.execute(
        "INSERT INTO salon_settings (salon_id, customer_channels, staff_channels, reminders, default_language_code, "
        "revision, updated_at) VALUES (%s, '{sms}', '{}', '[]', 'en', 1, now()) ON CONFLICT DO NOTHING",
        messages[0].salon_id,
    )
    for message in messages:
        message.customer_id = str(stage.sara)
        message.occur_time.FromDatetime(stage.clock.now())
        await handlers.bookings([delivered(message)])


async def all_settled(stage):
    rows = await stage.rows()
    return bool(rows) and {row["status"] for row in rows} <= {"sent", "skipped", "delivered"}


def texts(stage):
    return [message.body for message in stage.twilio.messages()]


async def test_the_text_counts_the_visits_and_says_when_they_are(stage):
    await told_to_sara(stage, *whole())
    async with stage.dispatching():
        await eventually(lambda: all_settled(stage))
    (text,) = texts(stage)
    assert text.startswith(
        "Najd Salon: we booked 3 visits for you (Haircut), from Sunday 15 March at 3:00 PM "
        "to Sunday 29 March at 3:00 PM (15 Mar, 22 Mar, 29 Mar). Ref "
    )


@pytest.mark.covers("B11", "X19")
async def test_what_changed_before_it_is_sent_is_told_as_it_is_now(stage):
    moved = IN_THREE_DAYS + WEEK + timedelta(days=1)
    await told_to_sara(
        stage,
        *whole(),
        visit(0, "CANCELLED", 2, state="STATE_CANCELLED"),
        visit(1, "RESCHEDULED", 2, start=moved),
    )
    await stage.execute("DELETE FROM notifications WHERE event <> 'series_created'")
    async with stage.dispatching():
        await eventually(lambda: all_settled(stage))
    (text,) = texts(stage)
    assert "2 visits for you (Haircut), from Monday 23 March at 3:00 PM to Sunday 29 March" in text


@pytest.mark.covers("B11", "X19")
async def test_a_visit_that_was_taken_back_meanwhile_is_not_told_as_confirmed(stage):
    await told_to_sara(stage, *CONFIRMED, visit(0, "CANCELLED", 3, state="STATE_CANCELLED"))
    await stage.execute("DELETE FROM notifications WHERE event <> 'series_confirmed'")
    async with stage.dispatching():
        await eventually(lambda: all_settled(stage))
    (text,) = texts(stage)
    assert text.startswith(
        "Najd Salon: confirmed 2 visits (Haircut), from Sunday 22 March at 3:00 PM to Sunday 29"
    )


@pytest.mark.covers("B11", "X19")
async def test_a_series_that_was_taken_back_before_it_was_told_is_not_told_as_made(stage):
    await told_to_sara(stage, *whole("CANCELLED", 2), *whole())
    async with stage.dispatching():
        await eventually(lambda: all_settled(stage))
    (text,) = texts(stage)
    assert text.startswith("Najd Salon: cancelled 3 visits (Haircut)")
    (made,) = [row for row in await stage.rows() if row["event"] == "series_created"]
    assert (made["status"], made["skip_reason"]) == ("skipped", "stale")


@pytest.mark.covers("B11", "X19")
async def test_a_visit_that_goes_while_the_message_is_being_written_is_not_in_it(stage):
    await told_to_sara(stage, *whole())
    stage.directory.answers.clear()
    async with stage.dispatching():
        await eventually(lambda: stage.directory.questions)
        await told_to_sara(stage, visit(2, "CANCELLED", 2, state="STATE_CANCELLED"))
        stage.directory.answers.set()
        await eventually(lambda: all_settled(stage))
    (text,) = texts(stage)
    assert "2 visits for you" in text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_pinned_event_of_a_series_is_understood_and_no_reader_of_bookings_takes_it_for_one(file):
    change = decoding_news.series_change(file.read_bytes())
    assert change.event.value == file.stem.rsplit(".", 1)[-1]
    assert change.visits
    assert len(change.staff_user_ids) == 2
    assert decoding.booking_change(file.read_bytes()) is None


def test_bytes_that_are_no_event_are_poison():
    with pytest.raises(Poison):
        decoding_news.series_change(b"\xff")
