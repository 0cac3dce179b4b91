"""Calendar feeds of staff end with the work of those who know their secret."""

from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi.booking.v1 import ical_service_pb2 as pb
from kursi.booking.v1 import ical_service_pb2_grpc
from kursi.identity.events.v1.identity_events_pb2 import MembershipEvent
from kursi_booking.consumers.leavers import HandleLeavers
from kursi_booking.store.calendar_feeds import CalendarFeedsInDatabase
from kursi_booking.usecases.calendar_feeds import EndFeedsOfLeavers
from kursi_chassis.caller import Role
from kursi_chassis.events.envelope import Poison, ReceivedEvent
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused


@pytest.fixture
def ical(world):
    return ical_service_pb2_grpc.ICalendarServiceStub(world.channel)


@pytest.fixture
def feed(world, ical):
    """`await feed(metadata)`: a new feed of the first staff member."""

    def make(metadata):
        place = {"salon_id": str(world.salon.id), "staff_id": str(world.staff[0])}
        return ical.CreateCalendarFeed(
            pb.CreateCalendarFeedRequest(language="en", **place), metadata=metadata
        )

    return make


@pytest.fixture
def works(ical):
    """Whether a feed answers; any refusal but that there is none fails the test."""

    async def read(made):
        token = made.path.removeprefix("/v1/calendars/").removesuffix("/feed.ics")
        try:
            await ical.GetCalendarFeed(pb.GetCalendarFeedRequest(token=token))
        except grpc.aio.AioRpcError as error:
            return refused(error).reason != "CALENDAR_FEED_NOT_FOUND"
        return True

    return read


@pytest.fixture
def leave(world):
    """`await leave(user_id, at)`: identity tells that a membership of the salon ended."""
    handle = HandleLeavers(EndFeedsOfLeavers(CalendarFeedsInDatabase(world.database), world.clock))

    async def told(user_id, at, payload=None):
        body = MembershipEvent(salon_id=str(world.salon.id), user_id=str(user_id))
        body.occur_time.FromDatetime(at)
        kind = "kursi.identity.v1.membership.revoked"
        event = ReceivedEvent(
            event_id=new_id(),
            type=kind,
            subject=kind,
            aggregate_id=UUID(int=1),
            revision=2,
            payload=body.SerializeToString() if payload is None else payload,
            occurred_at=at,
            headers={},
            stream_seq=1,
            deliveries=1,
        )
        await handle([event])

    return told


@pytest.mark.covers("B14")
async def test_who_leaves_the_salon_loses_the_feeds_that_they_made_and_nobody_else_does(
    world, feed, works, leave
):
    manager = new_id()
    theirs = await feed(bearer(world.mint.user(manager, salons={world.salon.id: Role.MANAGER})))
    other = await feed(world.member(Role.MANAGER))
    await leave(new_id(), world.clock.now())
    assert await works(theirs)
    for _ in range(2):
        await leave(manager, world.clock.now())
    assert (await works(theirs), await works(other)) == (False, True)
    audit = await world.rows("SELECT actor, action FROM audit ORDER BY id")
    assert audit[2:] == [("service:identity", "calendar_feed.revoked")]


@pytest.mark.covers("B14")
async def test_a_late_word_ends_nothing_of_somebody_who_came_back(world, feed, works, leave):
    left_at = world.clock.now()
    world.clock.advance(timedelta(minutes=5))
    made = await feed(world.member(Role.MANAGER))
    await leave(world.member_id, left_at)
    assert await works(made)


@pytest.mark.covers("B14")
async def test_a_token_that_outlived_its_membership_by_seconds_makes_no_lasting_feed(
    world, feed, works, leave
):
    left_at = world.clock.now()
    world.clock.advance(timedelta(seconds=20))
    made = await feed(world.member(Role.MANAGER))
    await leave(world.member_id, left_at)
    assert not await works(made)


@pytest.mark.covers("B14")
async def test_the_feed_of_somebody_who_is_no_staff_member_any_more_is_none(world, feed, works):
    made = await feed(world.member(Role.MANAGER))
    assert await works(made)
    del world.salon.answer.workers[0]
    world.clock.advance(timedelta(minutes=2))
    assert not await works(made)


async def test_bytes_that_are_no_membership_are_poison(world, leave):
    with pytest.raises(Poison):
        await leave(new_id(), world.clock.now(), payload=b"\xff")
