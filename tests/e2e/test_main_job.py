"""The main job of the platform: found, booked, paid, told, moved, taken back."""

import pytest
from e2e_world import becomes
from kursi_local.client import Refused
from kursi_local.patience import until

pytestmark = pytest.mark.usefixtures("unbroken")


def inbox(world, name):
    """How many texts and mails somebody has."""
    outside, user = world.api.outside, world[name].user
    return outside.texts_to(user["phoneNumber"]), outside.mails_to(user["email"])


@pytest.fixture
def visit(world):
    """A paid visit, and what was in the inboxes before."""
    before = {name: tuple(map(len, inbox(world, name))) for name in ("customer", "staff")}
    # Not the very first, which just before midnight is hardly more than the day away that a free cancellation takes.
    booking = world.book(world["customer"], world.slots("facial")[4], "facial")
    payment = world.pay(world["customer"], booking)
    world.decide(payment, "approve")
    booking = world.booking_becomes(world["customer"], booking, state="CONFIRMED")
    return booking, payment, before


def told(world, before, name, count, booking):
    """The new texts and mails of somebody about a booking, once there are so many of each."""
    end = booking["id"][-8:].upper()
    reference = f"{end[:4]}-{end[4:]}"

    def look():
        texts, mails = inbox(world, name)
        new = (
            [text for text in texts[before[name][0] :] if reference in text["body"]],
            [mail for mail in mails[before[name][1] :] if reference in mail["text"]],
        )
        return new if min(map(len, new)) >= count else None

    texts, mails = until(look, 180, f"{count} messages to {name}")
    return [text["body"] for text in texts], [f"{mail['subject']}\n{mail['text']}" for mail in mails]


def everybody_settled(world, booking):
    """No message about the booking is on its way any more."""
    listed = world["manager"].get(
        "/v1/notifications", salonId=world.salon.id, bookingId=booking["id"], pageSize=100
    )
    return (
        all(note["status"] not in ("PENDING", "SENDING") for note in listed["notifications"])
        and listed["notifications"]
    )


def test_a_customer_finds_books_and_pays_and_both_are_told_once_in_their_own_language(world, visit):
    booking, payment, before = visit
    assert booking["paymentState"] == "PAID"
    assert becomes(world["customer"], f"/v1/payments/{payment['id']}", state="CAPTURED")
    until(lambda: everybody_settled(world, booking), 180, "the end of sending")
    customer_texts, customer_mails = told(world, before, "customer", 2, booking)
    staff_texts, staff_mails = told(world, before, "staff", 1, booking)
    assert (len(customer_texts), len(customer_mails)) == (2, 2), "confirmed and paid, once on each channel"
    assert (len(staff_texts), len(staff_mails)) == (1, 1)
    assert all("صالون الاختبار" in text for text in (*customer_texts, *customer_mails))
    assert all("Facial" in text for text in (*staff_texts, *staff_mails))


def test_a_moved_visit_keeps_its_id_and_both_are_told_of_the_new_time(world, visit):
    booking, _, before = visit
    # News of a time that the visit has no more is not sent: whoever counts lets the old news arrive first.
    told(world, before, "customer", 2, booking)
    told(world, before, "staff", 1, booking)
    later = world.slots("facial")[40]
    path = f"/v1/bookings/{booking['id']}:reschedule"
    moved = world["customer"].post(path, {"startTime": later["startTime"]})
    assert (moved["id"], moved["startTime"]) == (booking["id"], later["startTime"])
    assert len(told(world, before, "customer", 3, booking)[0]) == 3
    assert len(told(world, before, "staff", 2, booking)[0]) == 2


def test_an_early_cancellation_gives_everything_back_and_frees_the_time(world, visit):
    booking, payment, before = visit
    told(world, before, "staff", 1, booking)
    cancelled = world["customer"].post(f"/v1/bookings/{booking['id']}:cancel", {"reason": "ظرف طارئ"})
    assert cancelled["settlement"]["refund"]["amountMinor"] == "32000"
    refunded = becomes(world["customer"], f"/v1/payments/{payment['id']}", state="REFUNDED")
    assert refunded["refunded"]["amountMinor"] == "32000"
    world.booking_becomes(world["customer"], booking, paymentState="REFUNDED")
    assert len(told(world, before, "staff", 2, booking)[0]) == 2
    assert booking["startTime"] in {slot["startTime"] for slot in world.slots("facial")}


def test_a_taken_time_is_refused_with_other_times(world, visit):
    booking, _, _ = visit
    with pytest.raises(Refused) as refusal:
        world.book(world["stranger"], booking, "facial")
    assert (refusal.value.http_status, refusal.value.reason) == (409, "SLOT_TAKEN")
    assert refusal.value.metadata["alternatives"]


def test_the_same_key_books_once_and_gets_the_first_answer(world):
    wish = world.wish(world.slots()[-1])
    first = world["customer"].post("/v1/bookings", wish, key="twice-on-a-bad-line")
    assert world["customer"].post("/v1/bookings", wish, key="twice-on-a-bad-line") == first
