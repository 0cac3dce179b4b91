"""Reviews that come at the same time: the salon's count and sum are those of the rows, whatever the order."""

import asyncio

import grpc
import pytest
import pytest_asyncio
from kursi.catalog.v1 import review_service_pb2 as pb
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused

REVIEWS = 200
AT_ONCE = 100
SESSIONS = 16

KEPT = "SELECT review_count, rating_sum FROM salons WHERE id = %s"
COUNTED = """
SELECT count(*) AS review_count, coalesce(sum(rating), 0) AS rating_sum
FROM reviews WHERE salon_id = %s AND state = 'published'
"""


@pytest_asyncio.fixture
async def world(database_urls, identity, booking, settings, fixed_clock, run_world):
    """A catalog with enough sessions for changes to meet in the database."""
    database = await Database.open(database_urls.app, pool_size=SESSIONS, application_name="test")
    async with run_world(database, identity, settings, fixed_clock, booking) as world:
        yield world
    await database.close()


async def together(calls):
    """The answers of all calls, never more than the server takes at once; a refusal is an answer."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(call):
        async with places:
            return await call

    return await asyncio.gather(*map(one, calls), return_exceptions=True)


async def write(world, salon, customer_id, booking_id, rating):
    request = pb.CreateReviewRequest(salon_id=salon.id, booking_id=booking_id, rating=rating)
    return await world.call("CreateReview", request, world.mint.user(customer_id))


async def change(world, salon, review, customer_id, number):
    """One of everything that moves the count, by turns."""
    ids = {"salon_id": salon.id, "review_id": review.id}
    author, admin = world.mint.user(customer_id), world.mint.user(is_admin=True)
    hide = pb.ModerateReviewRequest(**ids, decision=pb.ModerateReviewRequest.HIDE, reason="Insults.")
    better = pb.UpdateReviewRequest(salon_id=salon.id, review=pb.Review(id=review.id, rating=5))
    steps = [
        ("DeleteReview", pb.DeleteReviewRequest(**ids), author),
        ("ModerateReview", hide, admin),
        ("UpdateReview", better, author),
    ]
    method, request, token = steps[number % 3]
    return await world.call(method, request, token)


@pytest.mark.covers("C7")
async def test_two_hundred_reviews_at_once_leave_the_exact_average(world):
    salon = await world.salon()
    customers = [new_id() for _ in range(REVIEWS)]
    reviews = await together(
        write(world, salon, one, world.booking.visit(salon.id, one), 1 + number % 5)
        for number, one in enumerate(customers)
    )
    assert await world.rows(KEPT, salon.id) == [{"review_count": 200, "rating_sum": 600}]
    answers = await together(
        change(world, salon, review, one, number)
        for number, (review, one) in enumerate(zip(reviews, customers, strict=True))
    )
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    kept = await world.rows(KEPT, salon.id)
    assert kept == await world.rows(COUNTED, salon.id)
    assert kept == [{"review_count": 66, "rating_sum": 330}]


@pytest.mark.covers("C7")
async def test_one_review_that_is_changed_by_many_at_once_counts_once(world):
    salon, customer = await world.salon(), new_id()
    review = await write(world, salon, customer, world.booking.visit(salon.id, customer), 3)
    await together(change(world, salon, review, customer, number) for number in range(30))
    assert await world.rows(KEPT, salon.id) == [{"review_count": 0, "rating_sum": 0}]


@pytest.mark.covers("C7")
async def test_of_many_reviews_of_one_visit_one_is_kept(world):
    salon, customer = await world.salon(), new_id()
    booking_id = world.booking.visit(salon.id, customer)
    answers = await together(write(world, salon, customer, booking_id, 4) for _ in range(12))
    refusals = [refused(answer) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {refusal.reason for refusal in refusals} == {"REVIEW_EXISTS"}
    assert len(refusals) == 11
    assert await world.rows(KEPT, salon.id) == [{"review_count": 1, "rating_sum": 4}]


@pytest.mark.covers("C7")
async def test_twins_of_one_request_get_one_review(world):
    salon, customer = await world.salon(), new_id()
    booking_id = world.booking.visit(salon.id, customer)
    request = pb.CreateReviewRequest(salon_id=salon.id, booking_id=booking_id, rating=4, request_id="once")
    token = world.mint.user(customer)
    answers = await together(world.call("CreateReview", request, token) for _ in range(8))
    assert {answer.id for answer in answers} == {answers[0].id}
