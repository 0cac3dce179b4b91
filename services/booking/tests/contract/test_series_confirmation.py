"""A salon that confirms by hand accepts the visits of a series at once."""

import asyncio
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import series_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer
from series_calls import ROOMY, cancel, confirm, shown

State = booking_pb2.Booking.State
WEEK = timedelta(weeks=1)


@pytest_asyncio.fixture
async def pending(world, repeated):
    """Four visits that wait for the salon."""
    by_hand = world.salon.service(*world.staff, terms={**ROOMY, "automatic_confirmation": False})
    return await repeated(service=by_hand)


async def states(world, series):
    return [visit.booking.state for visit in (await shown(world, series)).visits]


async def told(world):
    rows = await world.rows("SELECT payload FROM outbox WHERE subject LIKE '%%.series_confirmed' ORDER BY id")
    return [SeriesEvent.FromString(payload) for (payload,) in rows]


@pytest.mark.covers("B8", "B11")
async def test_a_salon_confirms_all_pending_visits_at_once_and_it_is_told_once(world, pending):
    answer = await confirm(world, pending, request_id="all")
    ids = [visit.booking.id for visit in pending.visits]
    assert [(one.id, one.state, one.revision) for one in answer.bookings] == [
        (one, State.CONFIRMED, 2) for one in ids
    ]
    assert await states(world, pending) == [State.CONFIRMED] * 4
    (event,) = await told(world)
    assert ([one.booking_id for one in event.visits], event.actor) == (ids, f"user:{world.member_id}")
    single = [one for kind, one in await world.events() if kind == "confirmed"]
    assert {(one.told_by_series, one.revision) for one in single} == {(True, 2)}
    assert len(single) == 4
    rows = await world.rows("SELECT action, count(*) FROM booking_history GROUP BY action ORDER BY action")
    assert rows == [("confirmed", 4), ("created", 4)]
    assert await world.rows("SELECT DISTINCT state FROM claims") == [("confirmed",)]


@pytest.mark.covers("5")
async def test_confirming_again_answers_as_the_first_time_and_tells_nothing_more(world, pending, refusal):
    first = await confirm(world, pending, request_id="all")
    assert await confirm(world, pending, request_id="all") == first
    assert await confirm(world, pending) == pb.ConfirmSeriesResponse()
    assert len(await told(world)) == 1
    other = confirm(world, pending, request_id="all", from_booking_id=pending.visits[1].booking.id)
    assert (await refusal(other)).reason == "REQUEST_ID_REUSED"


async def test_from_one_visit_on_those_before_wait_further(world, pending, refusal):
    answer = await confirm(world, pending, from_booking_id=pending.visits[2].booking.id)
    assert [one.id for one in answer.bookings] == [visit.booking.id for visit in pending.visits[2:]]
    assert await states(world, pending) == [State.PENDING] * 2 + [State.CONFIRMED] * 2
    rest = await confirm(world, pending)
    assert [one.id for one in rest.bookings] == [visit.booking.id for visit in pending.visits[:2]]
    stranger = await world.book(world.salon.at(17, 9))
    refused = await refusal(confirm(world, pending, from_booking_id=stranger.id))
    assert refused.reason == "BOOKING_NOT_FOUND"


async def test_what_became_of_single_visits_stays_and_what_has_begun_is_left_alone(world, pending):
    second, third = pending.visits[1].booking, pending.visits[2].booking
    await world.act("ConfirmBooking", second)
    await world.act("CancelBooking", third, metadata=world.customer())
    world.clock.set(world.salon.at(16, 16, 30))
    answer = await confirm(world, pending)
    assert [one.id for one in answer.bookings] == [pending.visits[3].booking.id]
    assert await states(world, pending) == [
        State.PENDING,
        State.CONFIRMED,
        State.CANCELLED,
        State.CONFIRMED,
    ]


@pytest.mark.covers("7")
async def test_only_the_salon_confirms(world, pending, refusal):
    answer = await refusal(confirm(world, pending, world.customer()))
    assert answer.code is grpc.StatusCode.PERMISSION_DENIED
    elsewhere = bearer(world.mint.user(new_id(), salons={new_id(): Role.OWNER}))
    for stranger in (world.customer(new_id()), elsewhere):
        assert (await refusal(confirm(world, pending, stranger))).reason == "SERIES_NOT_FOUND"
    assert (await refusal(confirm(world, pb.Series(id=str(new_id()))))).reason == "SERIES_NOT_FOUND"
    assert await states(world, pending) == [State.PENDING] * 4
    assert await told(world) == []


async def test_a_confirmation_that_races_a_cancellation_leaves_all_of_one_kind(world, pending):
    await asyncio.gather(confirm(world, pending), cancel(world, pending))
    assert await states(world, pending) == [State.CANCELLED] * 4
    confirmed = await told(world)
    assert len(confirmed) <= 1
    rows = await world.rows("SELECT count(*) FROM booking_history WHERE action = 'confirmed'")
    assert rows == [(4 * len(confirmed),)]
