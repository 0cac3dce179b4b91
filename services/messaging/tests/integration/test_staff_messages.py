"""Everybody who works on a visit is told of their part, and of a calendar elsewhere that wants them then."""

from datetime import timedelta
from pathlib import Path

import pytest
from kursi_chassis.events.envelope import Poison
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.consumers import decoding_news
from kursi_messaging.consumers.handlers import Handlers
from kursi_messaging.main import build_planner
from messaging_events import IN_THREE_DAYS, STAFF, booking, clash, delivered, item

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "calendar"
HELPER, COLLEAGUE = new_id(), new_id()
LATER = IN_THREE_DAYS + timedelta(minutes=45)


def two_services():
    """Omar cuts, with a helper; a colleague does the rest."""
    return [item(STAFF, helpers=[HELPER]), item(COLLEAGUE, start=LATER)]


async def of_staff(messaging, event):
    return await messaging.rows("audience = 'staff_member' AND event = %s", event)


@pytest.mark.covers("T6")
@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("CREATED", "booking_created"),
        ("CONFIRMED", "booking_confirmed"),
        ("RESCHEDULED", "booking_rescheduled"),
        ("CANCELLED", "booking_cancelled"),
    ],
)
async def test_whoever_performs_a_visit_or_helps_is_told(messaging, what, event):
    await messaging.hear(booking(what, 1, booking_id=new_id(), items=two_services()))
    assert {row["recipient_id"] for row in await of_staff(messaging, event)} == {STAFF, HELPER, COLLEAGUE}


@pytest.mark.covers("T6")
async def test_each_is_told_of_their_own_part(messaging):
    await messaging.hear(booking("CREATED", 1, booking_id=new_id(), items=two_services()))
    parts = {row["recipient_id"]: row["facts"] for row in await of_staff(messaging, "booking_created")}
    assert {person: facts["part_start"] for person, facts in parts.items()} == {
        STAFF: IN_THREE_DAYS.isoformat(),
        HELPER: IN_THREE_DAYS.isoformat(),
        COLLEAGUE: LATER.isoformat(),
    }
    assert {len(facts["items"]) for facts in parts.values()} == {1}
    (customer, *_) = await messaging.rows("audience = 'customer'")
    assert len(customer["facts"]["items"]) == 2
    assert "part_start" not in customer["facts"]


async def test_a_helper_who_is_replaced_is_told_and_so_is_whoever_comes(messaging):
    visit, newcomer = new_id(), new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit, items=[item(helpers=[HELPER])]))
    await messaging.hear(
        booking(
            "RESCHEDULED",
            2,
            booking_id=visit,
            items=[item(helpers=[newcomer])],
            previous_staff_user_ids=[str(HELPER)],
        )
    )
    rows = await of_staff(messaging, "booking_rescheduled")
    assert {row["recipient_id"]: row["facts"].get("handed_over", False) for row in rows} == {
        STAFF: False,
        newcomer: False,
        HELPER: True,
    }


@pytest.mark.covers("B15")
async def test_a_clash_is_told_once_to_whoever_is_wanted_twice(messaging):
    visit, conflict = new_id(), new_id()
    await messaging.hear(booking("CONFIRMED", 1, booking_id=visit))
    found = delivered(clash(booking_id=visit, conflict_id=conflict))
    await messaging.handlers.bookings([found])
    await messaging.handlers.bookings([found, delivered(clash(booking_id=visit, conflict_id=conflict))])
    (row,) = await messaging.rows("event = 'calendar_conflict' AND channel = 'sms'")
    assert (row["recipient_id"], row["audience"], row["status"]) == (STAFF, "staff_member", "pending")
    assert (row["booking_id"], row["occurrence"]) == (visit, str(conflict))


@pytest.mark.covers("B15")
async def test_the_same_calendar_clashing_again_later_is_told_again(messaging):
    visit = new_id()
    await messaging.hear(*(clash(booking_id=visit, conflict_id=new_id()) for _ in range(2)))
    assert len(await messaging.rows("event = 'calendar_conflict' AND channel = 'sms'")) == 2


async def test_a_clash_of_somebody_without_an_account_has_nobody_to_tell(messaging):
    await messaging.hear(clash(booking_id=new_id(), conflict_id=new_id(), staff=None))
    assert await messaging.rows() == []


@pytest.mark.covers("B15")
async def test_the_message_about_a_clash_names_the_visit_and_the_time_that_both_want(stage):
    omar, visit = stage.directory.knows(), new_id()
    handlers = Handlers(build_planner(stage.settings, stage.database, stage.clock))
    made = booking(
        "CHECKED_IN", 1, booking_id=visit, staff=(omar,), customer=stage.directory.knows(display_name="Sara")
    )
    found = clash(booking_id=visit, conflict_id=new_id(), staff=omar)
    found.occur_time.FromDatetime(stage.clock.now())
    await handlers.bookings([delivered(found), delivered(made)])
    async with stage.dispatching():
        await eventually(stage.twilio.messages)
    (message,) = stage.twilio.messages()
    assert message.body.startswith(
        "Calendar clash: you are booked on Sunday 15 March at 3:00 PM (Haircut for Sara), "
        "and your other calendar is busy from 3:00 PM to 3:15 PM."
    )


def test_the_pinned_event_of_a_clash_is_understood():
    (file,) = GOLDEN.glob("*.conflict_detected.binpb")
    found = decoding_news.calendar_clash(file.read_bytes())
    assert found.people
    with pytest.raises(Poison):
        decoding_news.calendar_clash(b"\xff")
