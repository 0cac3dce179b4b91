"""What is left of a salon that is archived or suspended: what was promised before, and nothing new."""

import grpc
import pytest
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import session_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id
from waiting_room import OPEN_CLAIMS, Entry

Booking = booking_pb2.Booking


@pytest.fixture
def archive(world):
    """Archives the world's salon, which booking hears of."""

    def now():
        world.salon.answer.salon.archive_time.FromDatetime(world.clock.now())
        heard()

    def heard():
        world.salon.version += 1
        world.kept.heard_of(world.salon.id, world.salon.version)

    def restore():
        world.salon.answer.salon.ClearField("archive_time")
        heard()

    now.restore = restore
    return now


def listed(world, metadata):
    return world.sessions.ListSessions(
        pb.ListSessionsRequest(salon_id=str(world.salon.id)), metadata=metadata
    )


def shown(world, session, metadata):
    return world.sessions.GetSession(pb.GetSessionRequest(session_id=session.id), metadata=metadata)


@pytest.mark.covers("7", "B11")
async def test_the_sessions_of_an_archived_salon_are_its_members_business(world, planned, refusal, archive):
    session = await planned()
    seat = await world.join(session, world.customer())
    archive()
    for who in ((), world.customer(), world.customer(new_id())):
        assert (await refusal(shown(world, session, who))).reason == "SESSION_NOT_FOUND"
        assert list((await listed(world, who)).sessions) == []
    for who in (world.member(), world.admin()):
        assert (await shown(world, session, who)).id == session.id
        assert [one.id for one in (await listed(world, who)).sessions] == [session.id]
    assert (await world.get(seat)).state == Booking.CONFIRMED
    archive.restore()
    assert [one.id for one in (await listed(world, ())).sessions] == [session.id]


async def test_the_sessions_of_a_suspended_salon_are_hidden_too(world, planned, refusal):
    session = await planned()
    world.salon.answer.salon.status = catalog_pb2.Salon.SUSPENDED
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    assert (await refusal(shown(world, session, ()))).reason == "SESSION_NOT_FOUND"


@pytest.mark.covers("B5")
async def test_sessions_are_shown_while_nobody_can_say_what_became_of_the_salon(world, planned, catalog):
    session = await planned()
    await catalog.stop()
    assert (await shown(world, session, ())).id == session.id
    assert [one.id for one in (await listed(world, ())).sessions] == [session.id]


@pytest.mark.covers("B12")
async def test_an_offer_of_an_archived_salon_is_refused_and_its_time_is_free(room, world, refusal, archive):
    entry = await room.offered()
    assert await world.rows(OPEN_CLAIMS) == [(1,)]
    archive()
    answer = await refusal(room.accept(entry))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SALON_NOT_LIVE")
    after = await room.get(entry)
    assert (after.state, after.HasField("offer"), after.unanswered_offers) == (Entry.WAITING, False, 0)
    assert await world.rows(OPEN_CLAIMS) == [(0,)]
    assert await world.rows("SELECT count(*) FROM bookings") == [(0,)]
    assert [kind for kind, _ in await room.told()][-1] == "waitlist_offer_expired"
    assert await room.broken() == []
    assert (await refusal(room.accept(entry))).reason == "SALON_NOT_LIVE"
    assert await room.get(entry) == after


async def test_who_waited_is_offered_the_same_time_again_when_the_salon_is_back(
    room, world, refusal, archive
):
    entry = await room.offered()
    archive()
    await refusal(room.accept(entry))
    archive.restore()
    assert await room.matched() == 1
    again = await room.get(entry)
    assert again.offer.start_time == entry.offer.start_time
    assert (await room.accept(again)).state == Booking.CONFIRMED


async def test_an_acceptance_before_is_answered_as_the_first_time_and_strangers_learn_nothing(
    room, world, refusal, archive
):
    entry = await room.offered()
    booked = await room.accept(entry, request_id="once")
    archive()
    assert await room.accept(entry, request_id="once") == booked
    stranger = room.accept(entry, world.customer(new_id()))
    assert (await refusal(stranger)).reason == "WAITLIST_ENTRY_NOT_FOUND"


async def test_an_offer_counts_while_nobody_can_say_what_became_of_the_salon(room, catalog):
    entry = await room.offered()
    await catalog.stop()
    assert (await room.accept(entry)).state == Booking.CONFIRMED


async def test_what_was_booked_before_is_cancelled_but_not_moved(world, refusal, archive):
    booked = await world.book(world.salon.at(16, 10))
    archive()
    start = world.request(world.salon.at(17, 10)).start_time
    move = world.act("RescheduleBooking", booked, metadata=world.customer(), start_time=start)
    assert (await refusal(move)).reason == "SALON_NOT_LIVE"
    cancelled = await world.act("CancelBooking", booked, metadata=world.customer())
    assert cancelled.state == Booking.CANCELLED
