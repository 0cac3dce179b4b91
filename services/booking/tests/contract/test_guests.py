"""Visits that the salon books by phone number, and whose they are once the person comes."""

import asyncio
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.identity.events.v1.identity_events_pb2 import GuestEvent
from kursi_booking.consumers.guests import HandleGuests
from kursi_chassis.events.envelope import Poison, ReceivedEvent
from kursi_chassis.ids import new_id

PHONE = "0512345679"


def walk_in(phone=PHONE, **more):
    return pb.WalkIn(phone_number=phone, **more)


def joined(world, guest_id, user_id, **more):
    """Identity's event."""
    body = GuestEvent(
        guest_id=str(guest_id),
        salon_id=str(world.salon.id),
        user_id=str(user_id),
    )
    body.occur_time.FromDatetime(world.clock.now())
    usual = {"payload": body.SerializeToString(), "event_id": new_id()}
    return ReceivedEvent(
        **{**usual, **more},
        type="kursi.identity.v1.guest.joined",
        subject="kursi.identity.v1.guest.joined",
        aggregate_id=UUID(str(guest_id)),
        revision=1,
        occurred_at=world.clock.now(),
        headers={},
        stream_seq=1,
        deliveries=1,
    )


@pytest.fixture
def join(world):
    return world.have.waiting.join_guest


@pytest.fixture
def book(world):
    """A member books somebody by phone number."""

    async def by_phone(hour, guest=None, **more):
        start = world.salon.at(16, hour)
        return await world.book(start, guest=guest or walk_in(), metadata=world.member(), **more)

    return by_phone


async def own_bookings(world, user_id):
    answer = await world.stub.ListBookings(pb.ListBookingsRequest(), metadata=world.customer(user_id))
    return [booking.id for booking in answer.bookings]


@pytest.mark.covers("B18")
async def test_a_member_books_by_phone_number_and_the_number_is_kept_nowhere_here(world, identity, book):
    world.salon.answer.salon.territory_code = "DE"
    made = await book(10, walk_in(display_name="Um Sara", language_code="ar"))
    assert (made.guest.display_name, made.channel) == ("Um Sara", 2)
    (asked,) = identity.requests
    assert (asked.salon_id, asked.phone_number, asked.language_code) == (str(world.salon.id), PHONE, "ar")
    assert asked.territory_code == "DE"
    assert made.customer_id == identity.ids[asked.salon_id, PHONE]
    told = [(kind, event.customer_id, event.walk_in) for kind, event in await world.events()]
    assert told == [("created", made.customer_id, True)]
    assert (
        await world.rows("SELECT 1 FROM bookings WHERE to_jsonb(bookings)::text LIKE %s", f"%{PHONE[1:]}%")
        == []
    )
    assert await world.rows("SELECT 1 FROM outbox WHERE position(%s in payload) > 0", b"Um Sara") == []


async def test_a_number_reaches_identity_as_it_was_copied_from_somebodys_contacts(
    world, identity, book, refusal
):
    copied = f"\u202a{PHONE}\u202c"
    await book(10, walk_in(copied))
    assert [asked.phone_number for asked in identity.requests] == [copied]
    assert (await refusal(book(12, walk_in("0" * 41)))).violations == {"guest.phoneNumber": "TOO_LONG"}


@pytest.mark.covers("B18")
@pytest.mark.parametrize("who", ["customer", "stranger"])
async def test_only_members_of_the_salon_book_by_phone_number(world, identity, refusal, who):
    metadata = world.customer() if who == "customer" else world.customer(new_id())
    refused = await refusal(world.book(world.salon.at(16, 10), guest=walk_in(), metadata=metadata))
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert (identity.requests, await world.events()) == ([], [])


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"guest": pb.WalkIn()}, {"guest.phoneNumber": "REQUIRED"}),
        ({"guest": walk_in(), "customer_id": str(new_id())}, {"guest": "AMBIGUOUS"}),
        ({"guest": walk_in(display_name="x" * 81)}, {"guest.displayName": "TOO_LONG"}),
        ({"guest": walk_in(language_code="no such")}, {"guest.languageCode": "NOT_A_LANGUAGE"}),
    ],
)
async def test_a_guest_that_makes_no_sense_is_refused_by_field(world, identity, refusal, fields, violations):
    refused = await refusal(world.book(world.salon.at(16, 10), metadata=world.member(), **fields))
    assert refused.violations == violations
    assert identity.requests == []


async def test_a_number_that_identity_refuses_is_refused_in_the_words_of_this_contract(
    world, identity, refusal, book
):
    identity.refuses = "PHONE_NUMBER_NOT_MOBILE"
    refused = await refusal(book(10))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.violations == {"guest.phoneNumber": "PHONE_NUMBER_NOT_MOBILE"}
    assert await world.events() == []


async def test_without_identity_nobody_is_booked_by_number_and_everybody_else_is(
    world, identity, refusal, book
):
    await identity.stop()
    refused = await refusal(book(10))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "IDENTITY_UNAVAILABLE")
    assert (await world.book(world.salon.at(16, 10))).id


@pytest.mark.covers("B18")
async def test_when_the_number_is_verified_the_visits_are_the_accounts_whatever_their_state(
    world, book, join
):
    made = [await book(hour) for hour in (9, 10, 11)]
    await world.act("CancelBooking", made[1])
    user_id, guest_id = new_id(), made[0].customer_id
    await HandleGuests(join)([joined(world, guest_id, user_id)])
    assert sorted(await own_bookings(world, user_id)) == sorted(booking.id for booking in made)
    assert await own_bookings(world, guest_id) == []
    assert (await world.act("CancelBooking", made[0], world.customer(user_id))).guest.display_name == ""
    told = [(kind, list(event.changed_fields)) for kind, event in await world.events()][4:7]
    assert told == [("updated", ["customer_id"])] * 3
    assert await world.rows("SELECT count(*) FROM booking_history WHERE action = 'customer_joined'") == [(3,)]


@pytest.mark.covers("B18")
async def test_what_counted_as_the_guests_counts_as_the_accounts(world, book, join, refusal):
    user_id = new_id()
    for hour in (9, 10):
        await world.book(world.salon.at(17, hour), metadata=world.customer(user_id))
    guest_id = (await book(9)).customer_id
    for hour in (10, 11):
        await book(hour)
    await HandleGuests(join)([joined(world, guest_id, user_id)])
    assert await world.rows("SELECT customer_id, active FROM customer_counters") == [(user_id, 5)]
    refused = await refusal(world.book(world.salon.at(17, 12), metadata=world.customer(user_id)))
    assert refused.reason == "TOO_MANY_BOOKINGS"


@pytest.mark.covers("B18")
async def test_an_event_that_is_told_twice_joins_once(world, book, join):
    guest_id = (await book(9)).customer_id
    event = joined(world, guest_id, new_id())
    await HandleGuests(join)([event, event])
    assert len([kind for kind, _ in await world.events() if kind == "updated"]) == 1


@pytest.mark.covers("B18")
async def test_a_visit_that_was_being_written_while_its_guest_was_joined_is_found_later(world, book, join):
    first, user_id = await book(9), new_id()
    await HandleGuests(join)([joined(world, first.customer_id, user_id)])
    late = await book(10)
    assert late.customer_id == first.customer_id
    await join.stragglers()
    assert late.id in await own_bookings(world, user_id)
    world.clock.advance(timedelta(hours=2))
    await join.stragglers()
    assert len([kind for kind, _ in await world.events() if kind == "updated"]) == 2


@pytest.mark.covers("B18")
async def test_joining_and_cancelling_at_once_is_one_after_the_other(world, book, join):
    for hour in (9, 10, 11, 12):
        phone = f"05123400{hour}"
        made, user_id = await book(hour, walk_in(phone)), new_id()
        await asyncio.gather(
            HandleGuests(join)([joined(world, made.customer_id, user_id)]),
            world.act("CancelBooking", made),
        )
        found = await world.get(made, world.customer(user_id))
        assert (found.state, found.revision, found.customer_id) == (7, 3, str(user_id))
        assert await world.rows("SELECT active FROM customer_counters WHERE customer_id = %s", user_id) == [
            (0,)
        ]


async def test_bytes_that_are_no_such_event_are_poison(world, join):
    with pytest.raises(Poison):
        await HandleGuests(join)([joined(world, new_id(), new_id(), payload=b"\xff")])
