"""The waiting list: who waits, whose turn it is, and what becomes of an offer."""

from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from kursi.booking.v1 import booking_service_pb2
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id
from waiting_room import OPEN_CLAIMS, Entry, moment

MINUTE = timedelta(minutes=1)


@pytest.mark.covers("B12")
async def test_freed_time_is_kept_for_who_waits_and_nobody_else_can_book_it(room, world, refusal):
    booked = await room.fill()
    entry = await room.join(9, 17)
    assert await room.matched() == 0
    await room.free(booked[11, world.staff[1]])
    assert await room.matched() == 1
    offered = await room.get(entry, room.as_owner(entry))
    assert offered.state == Entry.OFFERED
    assert offered.offer.start_time == moment(world.salon.at(16, 11))
    assert offered.offer.items[0].staff_id == str(world.staff[1])
    assert offered.offer.expire_time == moment(world.clock.now() + 10 * MINUTE)
    assert offered.offer.local_start == "2026-03-16T11:00:00+03:00"
    assert offered.offer.total.amount_minor == 10_000
    slots = await world.stub.ListSlots(
        booking_service_pb2.ListSlotsRequest(
            salon_id=str(world.salon.id),
            service_ids=[str(world.service_id)],
            start_time=moment(world.salon.at(16, 0)),
            end_time=moment(world.salon.at(17, 0)),
        ),
        metadata=world.customer(new_id()),
    )
    assert list(slots.slots) == []
    refused = await refusal(world.book(world.salon.at(16, 11), metadata=world.customer(new_id())))
    assert refused.reason == "SLOT_TAKEN"
    assert await room.broken() == []


@pytest.mark.covers("B12")
async def test_accepting_books_what_was_offered_at_its_price_and_terms(room, world):
    entry = await room.offered(note="Left side only")
    world.salon.answer.offers[0].service.price.amount_minor = 99_900
    world.salon.version += 1
    booking = await room.accept(entry)
    assert booking.state == booking.CONFIRMED
    assert booking.customer_id == entry.customer_id
    assert booking.start_time == entry.offer.start_time
    assert booking.items[0].staff_id == entry.offer.items[0].staff_id
    assert booking.total.amount_minor == 10_000
    assert booking.policy.texts == {"en": "Be on time."}
    assert booking.note == "Left side only"
    after = await room.get(entry)
    assert (after.state, after.booking_id, after.HasField("offer")) == (Entry.BOOKED, booking.id, False)
    assert await world.rows("SELECT booking_id::text, state FROM claims WHERE state <> 'released'") == [
        (booking.id, "confirmed")
    ]
    assert await world.rows("SELECT action FROM booking_history") == [("created",)]
    assert [
        subject.rsplit(".", 1)[1] for (subject,) in await world.rows("SELECT subject FROM outbox ORDER BY id")
    ] == [
        "waitlist_created",
        "waitlist_offered",
        "created",
        "waitlist_booked",
    ]
    assert await room.broken() == []


async def test_accepting_a_prepaid_visit_begins_a_fresh_hold(room, world):
    service = world.prepaid_service()
    entry = await room.join(9, 17, 16, service)
    await room.matched()
    world.clock.advance(9 * MINUTE)
    entry = await room.get(entry)
    assert entry.offer.prepayment.amount_minor == 10_000
    booking = await room.accept(entry)
    assert booking.state == booking.HELD
    assert booking.hold_expire_time == moment(world.clock.now() + 10 * MINUTE)
    held = "SELECT booking_id::text, state, expires_at FROM claims WHERE state <> 'released'"
    assert await world.rows(held) == [(booking.id, "held", world.clock.now() + 10 * MINUTE)]


@pytest.mark.covers("B12")
async def test_the_order_is_priority_then_answers_then_patience(room, world):
    booked = await room.fill()
    patient = await room.join()
    world.clock.advance(MINUTE)
    newcomer = await room.join()
    world.clock.advance(MINUTE)
    urgent = await room.join(metadata=world.member(), customer_id=str(new_id()), priority=5)
    await room.free(booked[9, world.staff[0]])
    await room.matched()
    assert await room.states(patient, newcomer, urgent) == ["WAITING", "WAITING", "OFFERED"]
    await room.free(booked[10, world.staff[0]])
    await room.matched()
    assert await room.states(patient, newcomer, urgent) == ["OFFERED", "WAITING", "OFFERED"]
    world.clock.advance(10 * MINUTE)
    assert await room.parts.run_out(100) == 2
    await room.matched()
    assert await room.states(patient, newcomer, urgent) == ["WAITING", "OFFERED", "OFFERED"]
    assert (await room.get(patient)).unanswered_offers == 1
    assert (await room.get(urgent)).offer.start_time == moment(world.salon.at(16, 10))
    assert (await room.get(newcomer)).offer.start_time == moment(world.salon.at(16, 9))


@pytest.mark.covers("B12")
async def test_a_declined_time_goes_to_the_next_and_the_entry_waits_on_for_another(room, world):
    booked = await room.fill()
    first = await room.join()
    world.clock.advance(MINUTE)
    second = await room.join()
    await room.free(booked[9, world.staff[0]])
    await room.matched()
    declined = await room.decline(await room.get(first))
    assert (declined.state, declined.HasField("offer")) == (Entry.WAITING, False)
    assert await world.rows(OPEN_CLAIMS) == [(0,)]
    await room.matched()
    assert await room.states(first, second) == ["WAITING", "OFFERED"]
    await room.free(booked[12, world.staff[0]])
    await room.matched()
    assert (await room.get(first)).offer.start_time == moment(world.salon.at(16, 12))
    assert await room.broken() == []
    # The offer that was declined takes no place among those that run out, however few are looked at in one go.
    world.clock.advance(10 * MINUTE)
    assert [await room.parts.run_out(1) for _ in range(3)] == [1, 1, 0]


async def test_a_declined_time_is_not_offered_again_to_the_same_entry(room, world):
    booked = await room.fill()
    entry = await room.join()
    await room.free(booked[9, world.staff[0]])
    await room.matched()
    await room.decline(await room.get(entry))
    assert await room.matched() == 0
    assert (await world.book(world.salon.at(16, 9), metadata=world.customer(new_id()))).id


async def test_whoever_answers_is_asked_as_if_they_had_never_been_silent(room, world):
    entry = await room.join()
    for unanswered in (1, 2):
        await room.matched()
        world.clock.advance(10 * MINUTE)
        await room.parts.run_out(100)
        assert (await room.get(entry)).unanswered_offers == unanswered
    await room.matched()
    declined = await room.decline(await room.get(entry))
    assert (declined.state, declined.unanswered_offers) == (Entry.WAITING, 0)


async def test_three_offers_without_an_answer_end_an_entry(room, world):
    entry = await room.join()
    for unanswered in (1, 2, 3):
        assert await room.matched() == 1
        world.clock.advance(10 * MINUTE)
        assert await room.parts.run_out(100) == 1
        assert (await room.get(entry)).unanswered_offers == unanswered
    assert await room.states(entry) == ["EXPIRED"]
    assert await room.matched() == 0
    assert await room.broken() == []


async def test_an_offer_never_outlasts_the_start_of_its_visit(room, world):
    brief = world.salon.service(*world.staff, terms={"minimum_notice": Duration()})
    world.clock.set(world.salon.at(16, 8, 55))
    entry = await room.join(9, 17, 16, brief)
    await room.matched()
    assert (await room.get(entry)).offer.expire_time == moment(world.salon.at(16, 9))


async def test_an_offer_lasts_as_long_as_the_policy_says(room, world):
    short = world.salon.service(*world.staff, terms={"waitlist_offer": Duration(seconds=180)})
    long = world.salon.service(*world.staff, terms={"waitlist_offer": Duration(seconds=3_600)})
    await room.join(9, 10, 16, long)
    await room.join(12, 13, 16, short, long)
    await room.matched()
    lasting = await world.rows("SELECT expires_at - offered_at FROM waitlist_offers ORDER BY expires_at")
    assert lasting == [(3 * MINUTE,), (60 * MINUTE,)]


async def test_a_time_that_breaks_the_rules_for_customers_is_not_offered(room, world):
    world.clock.set(world.salon.at(16, 8, 30))
    entry = await room.join(9, 10)
    await room.matched()
    assert (await room.get(entry)).offer.start_time == moment(world.salon.at(16, 9, 30))


async def test_a_salon_may_let_wait_for_staff_who_are_not_booked_online(room, world):
    behind = world.salon.staff(online=False)
    service = world.salon.service(behind)
    entry = await room.join(9, 17, 16, service, metadata=world.member(), customer_id=str(new_id()))
    await room.matched()
    assert (await room.get(entry)).offer.items[0].staff_id == str(behind)


async def test_a_customer_at_the_limit_is_passed_over_until_there_is_room(room, world):
    service = world.salon.service(*world.staff, terms={"maximum_active_bookings": 1})
    customer = new_id()
    booking = await world.book(world.salon.at(17, 9), service, metadata=world.customer(customer))
    entry = await room.join(9, 17, 16, service, user=customer)
    assert await room.matched() == 0
    await room.free(booking)
    assert await room.matched() == 1
    assert await room.states(entry) == ["OFFERED"]


async def test_who_reached_the_limit_meanwhile_is_refused_and_keeps_the_offer(room, world, refusal):
    service = world.salon.service(*world.staff, terms={"maximum_active_bookings": 1})
    customer = new_id()
    entry = await room.join(9, 17, 16, service, user=customer)
    await room.matched()
    entry = await room.get(entry)
    other = await world.book(world.salon.at(17, 9), service, metadata=world.customer(customer))
    assert (await refusal(room.accept(entry))).reason == "TOO_MANY_BOOKINGS"
    assert await room.broken() == []
    await room.free(other)
    assert (await room.accept(entry)).customer_id == str(customer)


@pytest.mark.covers("B12")
async def test_cancelling_withdraws_the_offer_and_its_time_goes_to_the_next(room, world, refusal):
    booked = await room.fill()
    first = await room.join()
    world.clock.advance(MINUTE)
    second = await room.join()
    await room.free(booked[9, world.staff[0]])
    await room.matched()
    first = await room.get(first)
    assert (await room.cancel(first)).state == Entry.CANCELLED
    assert (await room.cancel(first)).state == Entry.CANCELLED
    assert (await refusal(room.accept(first))).reason == "OFFER_GONE"
    await room.matched()
    assert await room.states(first, second) == ["CANCELLED", "OFFERED"]
    assert await world.rows("SELECT state FROM waitlist_offers ORDER BY offered_at, id") == [
        ("withdrawn",),
        ("open",),
    ]


async def test_what_is_booked_or_over_cannot_be_cancelled(room, world, refusal):
    booked = await room.offered()
    await room.accept(booked)
    late = await room.join(9, 10, 17)
    world.clock.set(world.salon.at(17, 10))
    await room.parts.run_out.end_what_is_over()
    refusals = [await refusal(room.cancel(entry)) for entry in (booked, late)]
    assert [(one.reason, one.metadata["state"]) for one in refusals] == [
        ("ILLEGAL_TRANSITION", "booked"),
        ("ILLEGAL_TRANSITION", "expired"),
    ]


async def test_an_offer_that_ran_out_is_gone_before_anybody_swept_it_up(room, world, refusal):
    entry = await room.offered()
    world.clock.advance(10 * MINUTE)
    assert (await refusal(room.accept(entry))).reason == "OFFER_GONE"
    assert (await refusal(room.decline(entry))).reason == "OFFER_GONE"
    booking = await world.book(world.salon.at(16, 9), staff=UUID(entry.offer.items[0].staff_id))
    assert booking.state == booking.CONFIRMED
    assert await room.states(entry) == ["WAITING"]
    assert await room.broken() == []


async def test_only_the_named_offer_can_be_answered(room, refusal):
    entry = await room.offered()
    for other in (str(new_id()), (await room.offered()).offer.id):
        assert (await refusal(room.accept(entry, offer_id=other))).reason == "OFFER_GONE"
        assert (await refusal(room.decline(entry, offer_id=other))).reason == "OFFER_GONE"


async def test_the_same_key_gets_the_same_answer(room, world, refusal):
    user = new_id()
    first = await room.join(user=user, request_id="join")
    assert (await room.join(user=user, request_id="join")).id == first.id
    await room.matched()
    entry = await room.get(first)
    booking = await room.accept(entry, request_id="take")
    assert await room.accept(entry, request_id="take") == booking
    assert (await refusal(room.accept(entry, request_id="again"))).reason == "OFFER_GONE"
    reused = await refusal(room.accept(entry, request_id="take", offer_id=str(new_id())))
    assert reused.reason == "REQUEST_ID_REUSED"
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]


@pytest.mark.covers("B12")
async def test_who_waits_gets_the_first_answer_also_when_nobody_could_begin_to_wait_any_more(room, refusal):
    user, salon = new_id(), room.world.salon
    first = await room.join(user=user, request_id="join")
    salon.answer.salon.status = catalog_pb2.Salon.SUSPENDED
    salon.version += 1
    room.world.kept.heard_of(salon.id, salon.version)
    assert await room.join(user=user, request_id="join") == first
    room.world.clock.set(salon.at(17, 9))
    assert await room.join(user=user, request_id="join") == first
    assert (await refusal(room.join(user=user, request_id="late"))).reason == "INVALID_ARGUMENT"


async def test_a_repeated_decline_and_cancel_get_their_first_answers(room):
    entry = await room.offered()
    declined = await room.decline(entry, request_id="no")
    assert await room.decline(entry, request_id="no") == declined
    cancelled = await room.cancel(entry, request_id="away")
    assert await room.cancel(entry, request_id="away") == cancelled


async def test_a_member_answers_for_the_customer(room, world):
    entry = await room.offered()
    booking = await room.accept(entry, metadata=world.member())
    assert (booking.customer_id, booking.channel) == (entry.customer_id, booking.SALON)


async def test_each_change_is_told_once_with_the_next_revision(room, world):
    entry = await room.offered()
    await room.decline(entry)
    await room.cancel(entry)
    told = await room.told()
    assert [kind for kind, _ in told] == [
        "waitlist_created",
        "waitlist_offered",
        "waitlist_offer_declined",
        "waitlist_cancelled",
    ]
    assert [event.revision for _, event in told] == [1, 2, 3, 4]
    offered = told[1][1]
    assert offered.offer_id == entry.offer.id
    assert offered.offer_expire_time == entry.offer.expire_time
    assert offered.start_time == entry.offer.start_time
    assert offered.actor == "system"
    assert told[2][1].actor == f"user:{entry.customer_id}"
    history = "SELECT action, from_state, to_state FROM waitlist_history ORDER BY revision"
    assert await world.rows(history) == [
        ("created", None, "waiting"),
        ("offered", "waiting", "offered"),
        ("offer_declined", "offered", "waiting"),
        ("cancelled", "waiting", "cancelled"),
    ]


async def test_a_visit_of_two_services_in_a_room_is_kept_whole(room, world):
    world.salon.resource("room")
    needs = [{"duration": Duration(seconds=3_600), "needs_staff": True, "resource_kinds": ["room"]}]
    in_room = world.salon.service(*world.staff, segments=needs)
    first = await room.join(9, 11, 16, in_room, world.service_id)
    world.clock.advance(MINUTE)
    second = await room.join(9, 11, 16, in_room, world.service_id)
    assert await room.matched() == 2
    offers = [(await room.get(entry)).offer for entry in (first, second)]
    assert [offer.start_time for offer in offers] == [
        moment(world.salon.at(16, 9)),
        moment(world.salon.at(16, 10)),
    ]
    assert [len(offer.items) for offer in offers] == [2, 2]
    assert (await room.accept(await room.get(second))).end_time == moment(world.salon.at(16, 12))
    assert await room.broken() == []


async def test_people_who_work_together_are_kept_and_booked_together(room, world):
    needs = [{"duration": Duration(seconds=3_600), "needs_staff": True, "staff_count": 2}]
    together = world.salon.service(*world.staff, segments=needs)
    entry = await room.join(9, 10, 16, together)
    await room.matched()
    assert await world.rows(OPEN_CLAIMS) == [(2,)]
    booking = await room.accept(await room.get(entry))
    (item,) = booking.items
    beside = await world.rows("SELECT assistants -> 0 ->> 'staff_id' FROM booking_items")
    assert {item.staff_id, *beside[0]} == {str(one) for one in world.staff}
    held = "SELECT count(*) FROM claims WHERE booking_id = %s AND state = 'confirmed'"
    assert await world.rows(held, booking.id) == [(2,)]
