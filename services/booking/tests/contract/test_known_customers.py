"""A salon books for people who exist."""

import grpc
import pytest
from kursi_chassis.ids import new_id
from series_calls import wanted


@pytest.fixture
def ways(world, planned, room):
    """The four ways in which a salon books for a customer by id."""

    async def all_of(customer_id, metadata=None):
        metadata, mine = metadata or world.member(), {"customer_id": str(customer_id)}
        session = await planned(hour=15)
        weekly = wanted(world, world.service_id, world.salon.at(18, 12), count=2, **mine)
        return [
            world.book(world.salon.at(16, 10), metadata=metadata, **mine),
            world.series.CreateSeries(weekly, metadata=metadata),
            world.join(session, metadata, **mine),
            room.join(metadata=metadata, **mine),
        ]

    return all_of


async def test_a_salon_cannot_book_for_an_id_that_nobody_has(world, ways, refusal, identity):
    nobody = str(new_id())
    identity.nobody.add(nobody)
    for call in await ways(nobody):
        answer = await refusal(call)
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        assert answer.violations == {"customerId": "UNKNOWN_VALUE"}
    assert await world.rows("SELECT count(*) FROM bookings") == [(0,)]
    assert await world.rows("SELECT count(*) FROM waitlist_entries") == [(0,)]


async def test_a_salon_books_for_who_exists(world, ways, identity):
    somebody = str(new_id())
    for call in await ways(somebody):
        assert (await call).customer_id == somebody
    assert identity.asked_for == [somebody] * 4


async def test_while_identity_is_away_the_salons_word_counts(ways, identity):
    await identity.stop()
    somebody = str(new_id())
    for call in await ways(somebody):
        assert (await call).customer_id == somebody


async def test_who_books_for_themselves_is_not_asked_about_nor_who_may_not_book_for_others(
    world, ways, refusal, identity
):
    await world.book(world.salon.at(16, 9))
    await world.book(world.salon.at(16, 9), customer_id=str(world.member_id), metadata=world.member())
    for call in await ways(new_id(), world.customer()):
        assert (await refusal(call)).code is grpc.StatusCode.PERMISSION_DENIED
    assert identity.asked_for == []


async def test_a_repetition_gets_its_answer_though_the_account_is_gone(world, identity):
    somebody = str(new_id())
    again = {"metadata": world.member(), "customer_id": somebody, "request_id": "once"}
    first = await world.book(world.salon.at(16, 10), **again)
    identity.nobody.add(somebody)
    assert await world.book(world.salon.at(16, 10), **again) == first
