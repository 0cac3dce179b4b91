"""Reviews that somebody thinks should not stand, and what is decided about them."""

from datetime import timedelta

import pytest
from kursi.catalog.v1 import review_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from reviewing import Customer, hide, lines, publish, reply, reported, seen_by


@pytest.fixture
def world(shared_world):
    return shared_world


@pytest.fixture
async def salon(world):
    return await world.salon()


@pytest.fixture
def customer(world, salon):
    return Customer(world, salon)


@pytest.fixture
def clock(world):
    """The shared clock, set back at the end."""
    began = world.clock.now()
    yield world.clock
    world.clock.set(began)


async def waiting(world, *reviews):
    """Those of the reviews that wait for a decision, in the order of the list."""
    ids = {review.id for review in reviews}
    return [one for one in await reported(world) if one.review.id in ids]


@pytest.mark.covers("C7")
async def test_a_report_counts_once_for_each_person_and_waits_for_a_decision(world, salon, customer):
    review = await customer.review()
    first, second = Customer(world, salon), Customer(world, salon)
    for somebody in (first, first, second):
        await somebody.report(review)
    (one,) = await waiting(world, review)
    assert (one.report_count, list(one.reasons)) == (2, ["Not true.", "Not true."])
    await publish(world, review)
    await first.report(review)
    assert await waiting(world, review) == []


@pytest.mark.covers("C7")
async def test_the_longest_waiting_comes_first_whenever_it_was_written(world, salon, customer, clock):
    older, newer = await customer.review(), await customer.review()
    began = clock.now()
    for review in (newer, older, newer):
        clock.advance(timedelta(seconds=1))
        await Customer(world, salon).report(review)
    found = await waiting(world, older, newer)
    assert [one.review.id for one in found] == [newer.id, older.id]
    assert [one.first_report_time.ToDatetime(began.tzinfo) - began for one in found] == [
        timedelta(seconds=1), timedelta(seconds=2),
    ]  # fmt: skip


@pytest.mark.covers("C7")
async def test_of_many_reports_all_are_counted_and_the_first_ten_told(world, salon, customer, clock):
    review = await customer.review()
    for number in range(11):
        clock.advance(timedelta(seconds=1))
        await Customer(world, salon).report(review, f"Reason {number}.")
    (one,) = await waiting(world, review)
    assert (one.report_count, list(one.reasons)) == (11, [f"Reason {number}." for number in range(10)])


@pytest.mark.covers("C7")
async def test_after_a_decision_only_what_is_said_later_is_told(world, salon, customer):
    review = await customer.review()
    await Customer(world, salon).report(review, "Not true.")
    await publish(world, review)
    await Customer(world, salon).report(review, "An insult.")
    (one,) = await waiting(world, review)
    assert (one.report_count, list(one.reasons)) == (1, ["An insult."])


@pytest.mark.covers("C7")
async def test_a_deleted_review_waits_for_no_decision(world, salon, customer):
    review = await customer.review()
    await Customer(world, salon).report(review)
    await customer.delete(review)
    assert await waiting(world, review) == []


@pytest.mark.covers("C7")
async def test_a_hidden_review_is_reported_by_those_only_who_see_it(world, salon, customer):
    review = await customer.review()
    await hide(world, review)
    request = pb.ReportReviewRequest(salon_id=salon.id, review_id=review.id, reason="Not true.")
    assert (await world.refusal("ReportReview", request, world.token())).reason == "REVIEW_NOT_FOUND"
    assert await waiting(world, review) == []
    await world.call("ReportReview", request, world.token(salon.id, Role.STAFF, user_id=new_id()))
    assert len(await waiting(world, review)) == 1


@pytest.mark.covers("C7", "C9")
async def test_a_decision_that_leaves_a_review_as_it_is_leaves_a_line_and_a_second_one_nothing(
    world, salon, customer
):
    review = await customer.review()
    await Customer(world, salon).report(review)
    decided = await publish(world, review)
    assert await publish(world, review) == decided
    actions = [line["action"] for line in await lines(world, review)]
    assert actions == ["review.posted", "review.reported", "review.published"]


@pytest.mark.covers("C7", "C9")
async def test_the_same_answer_again_changes_nothing(world, customer, clock):
    review = await customer.review()
    answered = await reply(world, review, "Thank you.")
    clock.advance(timedelta(seconds=1))
    assert await reply(world, review, "Thank you.") == answered
    assert [line["action"] for line in await lines(world, review)] == ["review.posted", "review.replied"]


@pytest.mark.covers("C7")
async def test_only_its_author_moves_the_time_at_which_a_review_was_changed(world, customer, clock):
    review = await customer.review()
    clock.advance(timedelta(seconds=1))
    await reply(world, review, "Thank you.")
    await hide(world, review)
    assert (await publish(world, review)).update_time == review.update_time
    await customer.change(review, rating=5)
    moved = (await seen_by(world, review)).update_time.seconds - review.update_time.seconds
    assert moved == 1
