"""The first and the last instant that can be asked about: each question has an answer of its own."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.booking.v1 import (
    calendar_service_pb2,
    calendar_service_pb2_grpc,
    session_service_pb2,
    waitlist_service_pb2,
)
from kursi_chassis.testing.rpc import refused
from series_calls import ROOMY, wanted

FIRST = datetime(1900, 1, 1, tzinfo=UTC)
LAST = datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stamp(instant):
    message = Timestamp()
    message.FromDatetime(instant)
    return message


async def outcome(call):
    """`done`, or what was refused of which field, or why."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return dict(answer.violations) or answer.metadata.get("rule") or answer.reason
    return "done"


@pytest.fixture
def outcomes(world, room):
    """What becomes of each call that takes a time: done, or the reason of its refusal."""

    async def at(start, *, after):
        booked = await world.book(world.salon.at(16, 9))
        end = start + (HOUR if after else -HOUR)
        early, late = stamp(min(start, end)), stamp(max(start, end))
        wish = waitlist_service_pb2.WishedRange(start_time=early, end_time=late)
        calendar = calendar_service_pb2_grpc.CalendarServiceStub(world.channel)
        weekly = wanted(world, world.service_id, start, count=2, dry_run=True)
        calls = {
            "CreateBooking": world.book(start),
            "CreateSeries": world.series.CreateSeries(weekly, metadata=world.customer()),
            "CreateSession": world.sessions.CreateSession(
                session_service_pb2.CreateSessionRequest(
                    salon_id=str(world.salon.id),
                    service_id=str(world.service_id),
                    start_time=stamp(start),
                    capacity=2,
                ),
                metadata=world.member(),
            ),
            "CreateWaitlistEntry": room.join(ranges=[wish]),
            "GetCalendar": calendar.GetCalendar(
                calendar_service_pb2.GetCalendarRequest(
                    salon_id=str(world.salon.id), start_time=early, end_time=late
                ),
                metadata=world.member(),
            ),
            "ListBookings": world.stub.ListBookings(
                pb.ListBookingsRequest(start_time_min=early, start_time_max=late), metadata=world.customer()
            ),
            "ListSessions": world.sessions.ListSessions(
                session_service_pb2.ListSessionsRequest(
                    salon_id=str(world.salon.id), start_time_min=early, start_time_max=late
                )
            ),
            "RescheduleBooking": world.act(
                "RescheduleBooking", booked, metadata=world.customer(), start_time=stamp(start)
            ),
        }
        return dict(zip(calls, await asyncio.gather(*map(outcome, calls.values())), strict=True))

    return at


READS = {"GetCalendar": "done", "ListBookings": "done", "ListSessions": "done"}


async def test_nothing_is_booked_at_the_first_instant(outcomes):
    assert await outcomes(FIRST, after=True) == {
        **READS,
        # A dry run says of each date why it does not fit.
        "CreateSeries": "done",
        "CreateBooking": "TOO_SOON",
        "CreateSession": {"startTime": "IN_THE_PAST"},
        "CreateWaitlistEntry": {"ranges[0].endTime": "IN_THE_PAST"},
        "RescheduleBooking": "TOO_SOON",
    }


async def test_nothing_is_booked_at_the_last_instant(outcomes):
    assert await outcomes(LAST, after=False) == {
        **READS,
        "CreateSeries": {"startTime": "OUT_OF_RANGE"},
        "CreateBooking": "TOO_FAR_AHEAD",
        "CreateSession": "OUTSIDE_WORKING_TIME",
        "CreateWaitlistEntry": {"ranges[0].endTime": "OUT_OF_RANGE"},
        "RescheduleBooking": "TOO_FAR_AHEAD",
    }


async def test_a_series_that_would_reach_past_the_last_instant_is_refused(world, refusal):
    service = world.salon.service(*world.staff, terms=ROOMY)
    for is_dry in (True, False):
        endless = wanted(world, service, LAST - 300 * HOUR, count=52, every_weeks=12, dry_run=is_dry)
        answer = await refusal(world.series.CreateSeries(endless, metadata=world.customer()))
        assert answer.violations == {"startTime": "OUT_OF_RANGE"}
