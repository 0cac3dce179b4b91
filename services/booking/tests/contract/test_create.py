"""CreateBooking as callers see it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id

MARCH_16 = 16
Booking = booking_pb2.Booking
LIVE_CLAIMS = "SELECT count(*) FROM claims WHERE state <> 'released'"


@pytest.mark.covers("B6")
async def test_a_booking_freezes_names_prices_times_and_the_policy_with_its_text(world):
    start = world.salon.at(MARCH_16, 10)
    booked = await world.book(start, staff=world.staff[0], note="Window seat, please")
    assert booked.state == Booking.CONFIRMED
    assert (booked.customer_id, booked.channel) == (str(world.customer_id), Booking.CUSTOMER)
    assert (booked.total.amount_minor, booked.total.currency_code) == (10_000, "SAR")
    assert (booked.salon_names["ar"], booked.time_zone) == ("روز", "Asia/Riyadh")
    assert booked.local_start == "2026-03-16T10:00:00+03:00"
    assert booked.items[0].staff_id == str(world.staff[0])
    assert booked.items[0].staff_names["en"] == "Staff 1"
    assert booked.items[0].end_time.ToDatetime() - booked.items[0].start_time.ToDatetime() == timedelta(
        hours=1
    )
    assert booked.policy.texts["en"] == "Be on time."
    assert booked.policy.late_cancellation_fee.amount_minor == 5_000
    assert booked.policy.free_cancellation_until.seconds == booked.start_time.seconds - 86_400
    assert (booked.note, booked.revision, booked.etag) == ("Window seat, please", 1, '"1"')
    offer = world.salon.answer.offers[0]
    offer.service.price.amount_minor = 99_900
    offer.policy.texts["en"] = "Other rules."
    world.salon.version += 1
    again = await world.stub.GetBooking(pb.GetBookingRequest(booking_id=booked.id), metadata=world.customer())
    assert again == booked


@pytest.mark.parametrize(
    ("terms", "state", "payment_state", "prepayment"),
    [
        ({}, Booking.CONFIRMED, Booking.NOT_REQUIRED, 0),
        ({"automatic_confirmation": False}, Booking.PENDING, Booking.NOT_REQUIRED, 0),
        ({"prepayment": catalog_pb2.Policy.FULL}, Booking.HELD, Booking.DUE, 10_000),
        ({"prepayment": catalog_pb2.Policy.DEPOSIT}, Booking.HELD, Booking.DUE, 2_500),
    ],
)
async def test_a_booking_waits_for_money_then_for_the_salon(world, terms, state, payment_state, prepayment):
    service_id = world.salon.service(*world.staff, terms=terms)
    booked = await world.book(world.salon.at(MARCH_16, 10), service_id)
    assert (booked.state, booked.payment_state) == (state, payment_state)
    assert booked.prepayment.amount_minor == prepayment
    assert booked.HasField("hold_expire_time") == (state == Booking.HELD)


@pytest.mark.covers("B6")
async def test_a_taken_time_is_refused_with_the_nearest_free_ones(world, refusal):
    start = world.salon.at(MARCH_16, 10)
    await world.book(start, staff=world.staff[0])
    answer = await refusal(world.book(start, staff=world.staff[0], metadata=world.customer(new_id())))
    assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "SLOT_TAKEN")
    assert answer.metadata["alternatives"].split(",") == [
        "2026-03-16T06:00:00Z",
        "2026-03-16T08:00:00Z",
        "2026-03-16T08:15:00Z",
        "2026-03-16T08:30:00Z",
        "2026-03-16T08:45:00Z",
    ]
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]


async def test_a_key_is_as_long_as_the_platform_says(world, refusal):
    start = world.salon.at(MARCH_16, 10)
    await world.book(start, staff=world.staff[0], request_id="k" * 255)
    longer = await refusal(world.book(start, staff=world.staff[1], request_id="k" * 256))
    assert longer.violations == {"requestId": "MALFORMED"}


@pytest.mark.covers("B6", "5")
async def test_a_repeated_key_gets_the_first_answer_and_books_once(world, refusal):
    start = world.salon.at(MARCH_16, 10)
    first = await world.book(start, staff=world.staff[0], request_id="key-1")
    again = await world.book(start, staff=world.staff[0], request_id="key-1")
    assert again == first
    other = await refusal(world.book(world.salon.at(MARCH_16, 12), request_id="key-1"))
    assert (other.code, other.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    by_header = await world.book(
        start, staff=world.staff[0], metadata=world.customer(idempotency_key="key-1")
    )
    assert by_header == first
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]


@pytest.mark.covers("5")
async def test_fifty_repetitions_at_once_make_one_booking(world):
    start, metadata = world.salon.at(MARCH_16, 10), world.customer()
    answers = await asyncio.gather(
        *(world.book(start, request_id="key-1", metadata=metadata) for _ in range(50))
    )
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]
    assert await world.rows("SELECT active FROM customer_counters") == [(1,)]
    assert await world.rows(LIVE_CLAIMS) == [(1,)]


@pytest.mark.parametrize(
    ("hour", "minute", "rule"),
    [(8, 0, "OUTSIDE_WORKING_TIME"), (10, 7, "OFF_GRID")],
)
async def test_a_time_that_is_not_offered_names_the_rule(world, refusal, hour, minute, rule):
    answer = await refusal(world.book(world.salon.at(MARCH_16, hour, minute)))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_BOOKABLE")
    assert answer.metadata["rule"] == rule


async def test_too_soon_and_too_far_ahead_are_not_bookable(world, refusal):
    soon = await refusal(world.book(world.salon.at(12, 15, 15)))
    far = await refusal(world.book(world.salon.at(12, 15) + timedelta(days=120)))
    assert (soon.reason, soon.metadata["rule"]) == ("NOT_BOOKABLE", "TOO_SOON")
    assert (far.reason, far.metadata["rule"]) == ("NOT_BOOKABLE", "TOO_FAR_AHEAD")


async def test_where_no_notice_is_wanted_the_earliest_time_is_now(world, refusal):
    service_id = world.salon.service(*world.staff, terms={"minimum_notice": Duration()})
    over = await refusal(world.book(world.salon.at(12, 14), service_id))
    assert over.metadata == {"rule": "TOO_SOON", "earliest": "2026-03-12T12:00:00Z"}


async def test_the_salon_books_for_a_customer_at_any_time_that_is_free(world, refusal):
    customer_id, soon = new_id(), world.salon.at(12, 15, 7)
    booked = await world.book(soon, customer_id=str(customer_id), metadata=world.member())
    assert (booked.customer_id, booked.channel) == (str(customer_id), Booking.SALON)
    await world.book(soon, customer_id=str(customer_id), metadata=world.member())
    taken = await refusal(world.book(soon, customer_id=str(customer_id), metadata=world.member()))
    assert taken.reason == "SLOT_TAKEN"


@pytest.mark.covers("B6")
async def test_the_salon_is_named_other_times_for_a_customer_who_may_not_book_more(world, refusal):
    service_id = world.salon.service(world.staff[0], terms={"maximum_active_bookings": 1})
    start, customer_id = world.salon.at(MARCH_16, 10), str(new_id())
    await world.book(start, service_id, customer_id=customer_id, metadata=world.member())
    again = world.book(start, service_id, customer_id=customer_id, metadata=world.member())
    assert len((await refusal(again)).metadata["alternatives"].split(",")) == 5


async def test_a_customer_cannot_book_for_somebody_else(world, refusal):
    answer = await refusal(world.book(world.salon.at(MARCH_16, 10), customer_id=str(new_id())))
    assert answer.code is grpc.StatusCode.PERMISSION_DENIED


async def test_what_the_catalog_does_not_have_is_not_found(world, refusal):
    start = world.salon.at(MARCH_16, 10)
    salon = pb.CreateBookingRequest(
        salon_id=str(new_id()), start_time=world.request(start).start_time, items=world.request(start).items
    )
    unknown_salon = await refusal(world.stub.CreateBooking(salon, metadata=world.customer()))
    unknown_service = await refusal(world.book(start, new_id()))
    unknown_staff = await refusal(world.book(start, staff=new_id()))
    apprentice = world.salon.staff()
    unskilled = await refusal(world.book(start, staff=apprentice))
    assert [one.reason for one in (unknown_salon, unknown_service, unknown_staff, unskilled)] == [
        "SALON_NOT_FOUND",
        "SERVICE_NOT_FOUND",
        "STAFF_NOT_FOUND",
        "STAFF_DOES_NOT_PERFORM",
    ]


async def test_a_salon_that_is_not_live_takes_no_bookings(world, refusal):
    world.salon.answer.salon.status = catalog_pb2.Salon.SUSPENDED
    answer = await refusal(world.book(world.salon.at(MARCH_16, 10)))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SALON_NOT_LIVE")


async def test_a_request_with_nonsense_names_each_field(world, refusal):
    request = world.request(world.salon.at(MARCH_16, 10), note="x" * 501, customer_id="me")
    request.items[0].service_id = "haircut"
    request.start_time.nanos = 5
    answer = await refusal(world.stub.CreateBooking(request, metadata=world.customer()))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.violations == {
        "startTime": "MALFORMED",
        "items[0].serviceId": "NOT_AN_ID",
        "note": "TOO_LONG",
        "customerId": "NOT_AN_ID",
    }


@pytest.mark.covers("B6")
async def test_an_add_on_is_booked_once_for_a_service(world, refusal):
    mask, other = str(new_id()), str(new_id())
    service_id = world.salon.service(*world.staff, add_ons=[{"id": mask}])
    request = world.request(world.salon.at(MARCH_16, 10), service_id)
    request.items[0].add_on_ids.extend([mask, other, mask.upper(), "mask", "mask"])
    answer = await refusal(world.stub.CreateBooking(request, metadata=world.customer()))
    assert answer.violations == {
        "items[0].addOnIds[2]": "DUPLICATE",
        "items[0].addOnIds[3]": "NOT_AN_ID",
        "items[0].addOnIds[4]": "NOT_AN_ID",
    }


async def test_a_visitor_without_a_token_cannot_book(world, refusal):
    answer = await refusal(world.stub.CreateBooking(world.request(world.salon.at(MARCH_16, 10))))
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.covers("B6")
async def test_a_customer_has_no_more_open_bookings_than_the_salon_allows(world, refusal):
    service_id = world.salon.service(*world.staff, terms={"maximum_active_bookings": 2})
    first = await world.book(world.salon.at(MARCH_16, 10), service_id)
    await world.book(world.salon.at(MARCH_16, 11), service_id)
    answer = await refusal(world.book(world.salon.at(MARCH_16, 12), service_id))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_BOOKINGS")
    await world.stub.CancelBooking(pb.CancelBookingRequest(booking_id=first.id), metadata=world.customer())
    assert (await world.book(world.salon.at(MARCH_16, 12), service_id)).state == Booking.CONFIRMED


async def test_whoever_may_not_book_more_is_told_that_of_a_taken_time_too(world, refusal):
    """Other times would be of no use to them; to others they are."""
    service_id = world.salon.service(world.staff[0], terms={"maximum_active_bookings": 1})
    start = world.salon.at(MARCH_16, 10)
    await world.book(start, service_id, metadata=world.customer(new_id()))
    await world.book(world.salon.at(MARCH_16, 11), service_id)
    asked = [world.book(start, service_id, metadata=world.customer(who)) for who in (None, new_id(), None)]
    answers = await asyncio.gather(*map(refusal, asked))
    assert [one.reason for one in answers] == ["TOO_MANY_BOOKINGS", "SLOT_TAKEN", "TOO_MANY_BOOKINGS"]


@pytest.mark.covers("B6")
async def test_the_limit_holds_when_all_ask_at_once(world):
    service_id = world.salon.service(*world.staff, terms={"maximum_active_bookings": 3})
    calls = [world.book(world.salon.at(MARCH_16 + day, 10), service_id) for day in range(12)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    booked = [answer for answer in answers if isinstance(answer, Booking)]
    assert len(booked) == 3
    assert await world.rows("SELECT count(*) FROM bookings") == [(3,)]
    assert await world.rows("SELECT active FROM customer_counters") == [(3,)]
    assert await world.rows(LIVE_CLAIMS) == [(3,)]


async def test_anybody_means_the_next_one_when_somebody_is_taken(world, refusal):
    start = world.salon.at(MARCH_16, 10)
    first = await world.book(start)
    second = await world.book(start, metadata=world.customer(new_id()))
    assert {UUID(first.items[0].staff_id), UUID(second.items[0].staff_id)} == set(world.staff)
    third = await refusal(world.book(start, metadata=world.customer(new_id())))
    assert third.reason == "SLOT_TAKEN"


async def test_anybody_is_who_has_the_fewest_bookings_that_day(world):
    await world.book(world.salon.at(MARCH_16, 9), staff=world.staff[0])
    later = await world.book(world.salon.at(MARCH_16, 12), metadata=world.customer(new_id()))
    assert later.items[0].staff_id == str(world.staff[1])


async def test_several_services_run_back_to_back(world):
    long = world.salon.service(*world.staff, duration=90, price=25_000)
    booked = await world.book(world.salon.at(MARCH_16, 10), world.service_id, long)
    assert booked.items[0].end_time == booked.items[1].start_time
    assert booked.end_time.seconds - booked.start_time.seconds == 150 * 60
    assert booked.total.amount_minor == 35_000


@pytest.mark.covers("B6")
async def test_an_overdue_hold_gives_way_to_whoever_wants_its_time(world):
    start, held_service = world.salon.at(MARCH_16, 10), world.prepaid_service()
    held = await world.book(start, held_service, staff=world.staff[0])
    world.clock.advance(timedelta(minutes=11))
    booked = await world.book(start, staff=world.staff[0], metadata=world.customer(new_id()))
    assert booked.state == Booking.CONFIRMED
    gone = await world.stub.GetBooking(pb.GetBookingRequest(booking_id=held.id), metadata=world.customer())
    assert gone.state == Booking.EXPIRED
    assert [what for what, _ in await world.events()] == ["created", "expired", "created"]


@pytest.mark.parametrize("days", [0, 5, 30])
async def test_a_visit_written_down_afterwards_is_refused_where_another_one_was(world, refusal, days):
    """However long ago it was, and without other times to choose when all near it are over."""
    world.clock.set(world.salon.at(MARCH_16, 12) + timedelta(days=days))
    afterwards = {"staff": world.staff[0], "customer_id": str(new_id()), "metadata": world.member()}
    await world.book(world.salon.at(MARCH_16, 10), **afterwards)
    answer = await refusal(world.book(world.salon.at(MARCH_16, 10), **afterwards))
    assert (answer.reason, bool(answer.metadata["alternatives"])) == ("SLOT_TAKEN", days == 0)
