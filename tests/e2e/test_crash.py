"""Processes are killed at the worst moments: what was answered stays, and everybody is told once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from e2e_world import recovered
from kursi_local import invariants
from kursi_local.patience import until

pytestmark = pytest.mark.usefixtures("unbroken")
TOLD_WITHIN_SECONDS = 180


def texts_about(world, person):
    """The text messages to somebody, one-time codes apart."""
    texts = world.api.outside.texts_to(person.user["phoneNumber"])
    return [text["body"] for text in texts if "Test Salon" in text["body"]]


def told_once(world, person, count=1):
    """Wait until somebody got so many messages, and see that none came twice."""
    texts = until(
        lambda: found if len(found := texts_about(world, person)) >= count else None,
        TOLD_WITHIN_SECONDS,
        f"{count} messages",
    )
    assert max(Counter(texts).values()) == 1
    assert len(texts) == count


def events_in_stream(platform, booking):
    """Event ids of a booking by how often messaging took them in; the inbox is its memory."""
    query = "SELECT event_id FROM outbox WHERE aggregate_id = %s AND published_at IS NOT NULL"
    return invariants.ask(platform, "booking", query, booking["id"])


def persistent(person, verb, path, body, key):
    """What a careful app does: the same request under the same key until there is an answer."""

    def look():
        try:
            answer = person.raw(verb, path, json=body, key=key)
        except httpx.TransportError:
            return None
        return answer if answer.status_code < 500 else None

    return until(look, 120, "an answer").json()


@pytest.mark.covers("X2")
def test_booking_killed_right_after_its_answer_still_tells_once(world, platform):
    """The broker stands still meanwhile, so that the relay cannot have been quicker than the end of its process."""
    person, slots = world.newcomer(), world.slots()
    platform.pause("nats")
    try:
        booking = world.book(person, slots[-10])
        platform.kill("booking")
    finally:
        platform.resume("nats")
    told_once(world, person)
    recovered(platform)
    assert len(events_in_stream(platform, booking)) == 1
    assert person.get(f"/v1/bookings/{booking['id']}")["state"] == "CONFIRMED"


def test_a_booking_under_way_when_the_service_dies_is_made_once(world, platform):
    """The app repeats its request under the same key, and cannot tell whether the first try had arrived."""
    person, wish = world.newcomer(), world.wish(world.slots()[-12])
    with ThreadPoolExecutor(1) as hand:
        asked = hand.submit(persistent, person, "POST", "/v1/bookings", wish, "one-visit")
        platform.kill("booking")
        booking = asked.result()
    recovered(platform)
    assert [one["id"] for one in person.get("/v1/bookings")["bookings"]] == [booking["id"]]
    told_once(world, person)


def test_without_the_broker_times_are_taken_and_the_news_follows(world, platform):
    person = world.newcomer()
    slots = world.slots()
    platform.pause("nats")
    try:
        world.book(person, slots[-14])
        world.book(person, slots[-16])
        assert texts_about(world, person) == []
    finally:
        platform.resume("nats")
    told_once(world, person, 2)


def test_the_broker_killed_loses_no_news(world, platform):
    person = world.newcomer()
    slots = world.slots()
    world.book(person, slots[-18])
    platform.kill("nats")
    world.book(person, slots[-20])
    told_once(world, person, 2)


def test_what_was_answered_survives_the_database_being_killed(world, platform):
    """Twelve people book while it happens; whoever got an answer has the booking."""
    people = [world.newcomer() for _ in range(4)]
    slots = world.slots()[-60:-36:2]

    def one(number):
        person, key = people[number % len(people)], f"visit-{number}"
        if number == 5:
            platform.kill("postgres")
        return person, persistent(person, "POST", "/v1/bookings", world.wish(slots[number]), key)

    with ThreadPoolExecutor(6) as hands:
        made = list(hands.map(one, range(len(slots))))
    recovered(platform)
    for person, booking in made:
        assert person.get(f"/v1/bookings/{booking['id']}")["state"] == "CONFIRMED"
    for person in people:
        told_once(world, person, len(slots) // len(people))


@pytest.mark.covers("X15")
def test_messaging_killed_while_the_provider_takes_its_time_sends_nothing_twice(world, platform):
    """The message is at the provider, its answer never arrives; the delivery report tells that it was sent."""
    person = world.newcomer()
    outside = world.api.outside
    outside.text_callbacks("pause")
    # Only what is sent to this person: what others are still told of earlier stories takes nothing of it.
    theirs = {"body_contains": person.user["phoneNumber"].removeprefix("+")}
    outside.text_fault("timeout_after_accept", match=theirs)
    booking = world.book(person, world.slots()[-22])
    until(lambda: texts_about(world, person), 180, "a message at the provider")
    assert _status(platform, booking) == "sending"
    platform.kill("messaging")
    recovered(platform)
    outside.text_callbacks("release")
    until(lambda: _status(platform, booking) == "delivered", 180, "an outcome")
    told_once(world, person)


@pytest.mark.covers("K3")
@pytest.mark.parametrize("end", ["restart", "kill"])
def test_a_gateway_that_was_ended_is_another_process_and_serves_as_before(end, world, platform):
    before = platform.entry("gateway").kin
    getattr(platform, end)("gateway")
    assert not before.alive
    recovered(platform)
    assert platform.entry("gateway").kin != before
    assert world["customer"].get("/v1/users/me")["id"] == world["customer"].user_id


@pytest.mark.covers("K3")
def test_a_paused_service_keeps_callers_waiting_until_it_is_resumed(world, platform):
    address = f"{platform.base_url}{world.salon.path()}"
    platform.pause("catalog")
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(address, timeout=2)
    finally:
        platform.resume("catalog")
    until(lambda: httpx.get(address, timeout=30).is_success, 180, "an answer")


def _status(platform, booking):
    query = "SELECT status FROM notifications WHERE booking_id = %s AND audience = 'customer' AND channel = 'sms' AND event = 'booking_created'"
    rows = invariants.ask(platform, "messaging", query, booking["id"])
    return rows[0][0] if rows else ""
