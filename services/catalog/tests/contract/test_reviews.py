"""What customers say of their visits, through the contract."""

from datetime import timedelta

import grpc
import pytest
from kursi.booking.v1 import booking_pb2
from kursi.catalog.v1 import review_service_pb2 as pb
from kursi.options.v1 import options_pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from reviewing import Customer, counts, hide, lines, listed, publish, reply, seen_by

NOT_FOUND, PRECONDITION = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def world(shared_world):
    return shared_world


@pytest.fixture
async def salon(world):
    return await world.salon()


@pytest.fixture
def customer(world, salon):
    return Customer(world, salon)


@pytest.mark.covers("C7")
async def test_the_customer_of_a_completed_visit_reviews_it_once(world, salon, customer):
    booking_id = customer.visit()
    review = await customer.review(booking_id=booking_id, rating=5, text="شكرًا")
    assert (review.rating, review.text, review.own, review.booking_id) == (5, "شكرًا", True, booking_id)
    assert list(review.service_ids) == list(world.booking.visits[booking_id].service_ids)
    refusal = await world.refusal("CreateReview", customer.request(booking_id), customer.token)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REVIEW_EXISTS")
    assert refusal.metadata["reviewId"] == review.id
    assert await counts(world, salon) == (1, 5)


@pytest.mark.covers("C7")
async def test_a_visit_that_did_not_take_place_is_not_reviewed(world, salon, customer):
    booking_id = customer.visit(state=booking_pb2.Booking.NO_SHOW)
    refusal = await world.refusal("CreateReview", customer.request(booking_id), customer.token)
    assert (refusal.code, refusal.reason) == (PRECONDITION, "VISIT_NOT_COMPLETED")
    assert await counts(world, salon) == (0, 0)


@pytest.mark.covers("C7")
async def test_nobody_reviews_the_visit_of_somebody_else_or_of_another_salon(world, customer):
    elsewhere = Customer(world, await world.salon())
    for booking_id in (
        elsewhere.visit(),
        str(new_id()),
        world.booking.visit(elsewhere.salon.id, customer.id),
    ):
        refusal = await world.refusal("CreateReview", customer.request(booking_id), customer.token)
        assert (refusal.code, refusal.reason) == (NOT_FOUND, "BOOKING_NOT_FOUND")


async def test_a_visit_of_nobody_with_an_account_is_reviewed_by_nobody(world, customer):
    booking_id = customer.visit(customer_id="")
    refusal = await world.refusal("CreateReview", customer.request(booking_id), customer.token)
    assert refusal.reason == "BOOKING_NOT_FOUND"


async def test_a_member_of_the_salon_does_not_review_it(world, salon, customer):
    token = world.token(salon.id, Role.STAFF, user_id=customer.id)
    refusal = await world.refusal("CreateReview", customer.request(), token)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OWN_SALON")


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"rating": 0}, "rating", "REQUIRED"),
        ({"rating": 6}, "rating", "OUT_OF_RANGE"),
        ({"rating": -1}, "rating", "OUT_OF_RANGE"),
        ({"text": "a" * 2001}, "text", "TOO_LONG"),
        ({"text": "a\x07"}, "text", "CONTROL_CHARACTERS"),
        ({"booking_id": "x"}, "bookingId", "NOT_AN_ID"),
    ],
)
async def test_what_cannot_be_a_review_is_refused_by_field(world, customer, change, field, reason):
    refusal = await world.refusal("CreateReview", customer.request(**change), customer.token)
    assert refusal.violations == {field: reason}


async def test_a_draft_is_not_known_to_customers(world):
    customer = Customer(world, await world.salon(live=False))
    refusal = await world.refusal("CreateReview", customer.request(), customer.token)
    assert refusal.reason == "SALON_NOT_FOUND"


@pytest.mark.covers("C7")
async def test_a_repeated_request_gets_the_first_answer_even_while_booking_is_away(world, salon, customer):
    request = customer.request(request_id="once")
    first = await world.call("CreateReview", request, customer.token)
    world.booking.is_down = True
    try:
        assert await world.call("CreateReview", request, customer.token) == first
        refusal = await world.refusal("CreateReview", customer.request(), customer.token)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    finally:
        world.booking.is_down = False
    assert await counts(world, salon) == (1, 4)


@pytest.mark.covers("C7")
async def test_others_see_a_review_but_not_whose_visit_it_was(world, salon, customer):
    review = await customer.review()
    stranger = await seen_by(world, review)
    assert (stranger.text, stranger.booking_id, stranger.own) == (review.text, "", False)
    member = await seen_by(world, review, world.token(salon.id, Role.STAFF))
    assert (member.booking_id, member.own) == (review.booking_id, False)


@pytest.mark.covers("C7")
async def test_the_author_changes_it_and_the_average_follows(world, salon, customer):
    review = await customer.review(rating=2)
    changed = await customer.change(review, rating=5)
    assert (changed.rating, changed.text) == (5, review.text)
    assert await counts(world, salon) == (1, 5)
    refused = pb.UpdateReviewRequest(
        salon_id=salon.id, review=pb.Review(id=review.id, rating=1, etag=review.etag)
    )
    assert (await world.refusal("UpdateReview", refused, customer.token)).reason == "STALE_ETAG"
    other = Customer(world, salon)
    assert (await world.refusal("UpdateReview", refused, other.token)).reason == "REVIEW_NOT_FOUND"


@pytest.mark.covers("C7")
async def test_after_thirty_days_a_review_is_only_deleted(world, salon, customer):
    review = await customer.review(rating=2)
    request = pb.UpdateReviewRequest(salon_id=salon.id, review=pb.Review(id=review.id, rating=1))
    began = world.clock.now()
    world.clock.advance(timedelta(days=30))
    try:
        customer.token = world.mint.user(customer.id)
        assert (await customer.change(review, rating=3)).rating == 3
        world.clock.advance(timedelta(seconds=1))
        token = world.mint.user(customer.id)
        refusal = await world.refusal("UpdateReview", request, token)
        assert (refusal.code, refusal.reason) == (PRECONDITION, "TOO_LATE_TO_EDIT")
        assert refusal.metadata["deadline"].startswith("2026-04-11")
        customer.token = token
        await customer.delete(review)
    finally:
        world.clock.set(began)
    assert await counts(world, salon) == (0, 0)


@pytest.mark.covers("C7")
async def test_a_deleted_review_is_gone_words_and_all_and_its_visit_is_not_reviewed_again(
    world, salon, customer
):
    review = await customer.review(text="A secret.")
    await reply(world, review, "Thank you.")
    await customer.delete(review)
    await customer.delete(review)
    assert await counts(world, salon) == (0, 0)
    for token in (None, customer.token, world.token(salon.id), world.mint.user(is_admin=True)):
        request = pb.GetReviewRequest(salon_id=salon.id, review_id=review.id)
        assert (await world.refusal("GetReview", request, token)).reason == "REVIEW_NOT_FOUND"
    refusal = await world.refusal("CreateReview", customer.request(review.booking_id), customer.token)
    assert refusal.reason == "REVIEW_EXISTS"
    (row,) = await world.rows("SELECT text, reply_text FROM reviews WHERE id = %s", review.id)
    assert (row["text"], row["reply_text"]) == ("", None)
    assert "secret" not in str(await lines(world, review))


@pytest.mark.covers("C7")
async def test_nobody_answers_reports_or_publishes_what_is_deleted_or_of_another_salon(
    world, salon, customer
):
    gone, standing = await customer.review(), await customer.review()
    await customer.delete(gone)
    elsewhere = pb.Review(id=standing.id, salon_id=(await world.salon()).id)
    for review in (gone, elsewhere):
        ids = {"salon_id": review.salon_id, "review_id": review.id}
        hiding = pb.ModerateReviewRequest(**ids, decision=pb.ModerateReviewRequest.PUBLISH)
        member, admin = world.token(review.salon_id, Role.MANAGER), world.mint.user(is_admin=True)
        for method, request, token in (
            ("ReplyToReview", pb.ReplyToReviewRequest(**ids, text="Thanks."), member),
            ("ReportReview", pb.ReportReviewRequest(**ids, reason="Not true."), world.token()),
            ("ModerateReview", hiding, admin),
            ("GetReview", pb.GetReviewRequest(**ids), admin),
        ):
            refusal = await world.refusal(method, request, token)
            assert (refusal.code, refusal.reason) == (NOT_FOUND, "REVIEW_NOT_FOUND"), method
    assert not (await seen_by(world, standing)).HasField("reply")
    assert await counts(world, salon) == (1, 4)


@pytest.mark.covers("C7")
async def test_a_hidden_review_counts_for_nothing_until_it_is_published_again(world, salon, customer):
    review = await customer.review(rating=1)
    hidden = await hide(world, review)
    assert (hidden.state, hidden.hidden_reason) == (pb.Review.HIDDEN, "Insults.")
    assert await counts(world, salon) == (0, 0)
    assert not (await listed(world, salon)).reviews
    request = pb.GetReviewRequest(salon_id=salon.id, review_id=review.id)
    assert (await world.refusal("GetReview", request)).reason == "REVIEW_NOT_FOUND"
    for token in (customer.token, world.token(salon.id, Role.STAFF)):
        assert (await seen_by(world, review, token)).hidden_reason == "Insults."
    change = pb.UpdateReviewRequest(salon_id=salon.id, review=pb.Review(id=review.id, rating=5))
    assert (await world.refusal("UpdateReview", change, customer.token)).reason == "REVIEW_HIDDEN"
    shown = await publish(world, review)
    assert (shown.state, shown.hidden_reason) == (pb.Review.PUBLISHED, "")
    assert await counts(world, salon) == (1, 1)


async def test_hiding_needs_a_reason_and_a_decision(world, customer):
    review = await customer.review()
    admin = world.mint.user(is_admin=True)
    request = pb.ModerateReviewRequest(
        salon_id=review.salon_id, review_id=review.id, decision=pb.ModerateReviewRequest.HIDE
    )
    assert (await world.refusal("ModerateReview", request, admin)).violations == {"reason": "REQUIRED"}
    request.decision = pb.ModerateReviewRequest.DECISION_UNSPECIFIED
    assert (await world.refusal("ModerateReview", request, admin)).violations == {"decision": "REQUIRED"}


@pytest.mark.covers("C7")
async def test_the_salon_answers_and_takes_its_answer_back(world, customer):
    review = await customer.review()
    assert (await reply(world, review, "Thank you.")).reply.text == "Thank you."
    assert (await seen_by(world, review)).reply.text == "Thank you."
    changed = await customer.change(review, text="Better than good.")
    assert changed.reply.text == "Thank you."
    assert not (await reply(world, review, "")).HasField("reply")


@pytest.mark.covers("C7")
@pytest.mark.parametrize(
    ("order", "ratings"),
    [("NEWEST", [3, 1, 5, 4, 3]), ("HIGHEST", [5, 4, 3, 3, 1]), ("LOWEST", [1, 3, 3, 4, 5])],
)
async def test_reviews_come_in_the_asked_order_page_by_page(world, salon, order, ratings):
    made = [await Customer(world, salon).review(rating=rating) for rating in (3, 4, 5, 1, 3)]
    number = pb.ListReviewsRequest.Order.Value(order)
    first = await listed(world, salon, order=number, page_size=2)
    await Customer(world, salon).review(rating=ratings[0])  # among the first, it does not move what follows
    second = await listed(world, salon, order=number, page_size=2, page_token=first.next_page_token)
    third = await listed(world, salon, order=number, page_size=2, page_token=second.next_page_token)
    found = [review for page in (first, second, third) for review in page.reviews]
    assert [review.rating for review in found] == ratings
    assert {review.id for review in found} == {review.id for review in made}
    assert third.next_page_token == ""


@pytest.mark.covers("C7", "C9")
async def test_every_step_leaves_a_line_and_a_report_does_not_tell_the_salon_who(world, salon, customer):
    review = await customer.review()
    await customer.change(review, text="Changed.")
    await Customer(world, salon).report(review)
    await reply(world, review, "Thank you.")
    await hide(world, review)
    await publish(world, review)
    await customer.delete(review)
    found = await lines(world, review)
    assert [row["action"] for row in found] == [
        "review.posted", "review.updated", "review.reported", "review.replied", "review.hidden",
        "review.published", "review.deleted",
    ]  # fmt: skip
    assert [row["action"] for row in found if row["salon_id"] is None] == ["review.reported"]
    assert found[1]["before"] == {"text_length": 5}
    assert found[1]["after"] == {"text_length": 8}
    assert found[4]["after"] == {"state": "hidden", "hidden_reason": "Insults."}


@pytest.mark.covers("C7")
async def test_reviewing_tells_others_and_leaves_the_booking_context_as_it_is(world, salon, customer):
    (before,) = await world.rows("SELECT version FROM salons WHERE id = %s", salon.id)
    review = await customer.review()
    assert await world.rows("SELECT version FROM salons WHERE id = %s", salon.id) == [before]
    (event,) = await world.rows("SELECT subject FROM outbox WHERE aggregate_id = %s", review.id)
    assert event["subject"] == "kursi.catalog.v1.review.posted"


METHODS = pb.DESCRIPTOR.services_by_name["ReviewService"].methods


@pytest.mark.covers("C9")
@pytest.mark.parametrize("name", ["ReplyToReview", "ModerateReview", "ListReportedReviews"])
async def test_who_only_has_an_account_does_not_decide(world, customer, name):
    method = METHODS[[method.name for method in METHODS].index(name)]
    assert method.GetOptions().Extensions[options_pb2.access].who in (
        options_pb2.Access.SALON, options_pb2.Access.ADMIN,
    )  # fmt: skip
    review = await customer.review()
    request = getattr(pb, f"{name}Request")()
    if name != "ListReportedReviews":
        request.salon_id, request.review_id = review.salon_id, review.id
    refusal = await world.refusal(name, request, customer.token)
    assert refusal.code == grpc.StatusCode.PERMISSION_DENIED
