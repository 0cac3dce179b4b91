"""`kursi.booking.v1.ICalendarService`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from kursi.booking.v1 import ical_service_pb2 as pb
from kursi.booking.v1 import ical_service_pb2_grpc
from kursi_chassis.caller import Caller, current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.validation import Violations

from kursi_booking.adapters.icalendar_writing import CONTENT_TYPE, CalendarView, write_calendar
from kursi_booking.api import requests
from kursi_booking.domain.booking import Booking
from kursi_booking.domain.calendar_feed import LANGUAGES, CalendarFeed, StaffPlace
from kursi_booking.usecases.calendar_feeds import (
    CreateCalendarFeed,
    ManageCalendarFeeds,
    ReadCalendarFeed,
    WantedFeed,
)
from kursi_booking.usecases.read_bookings import ReadBookings

NAME = "kursi.booking.v1.ICalendarService"


@dataclass(frozen=True, slots=True)
class FeedUseCases:
    """What can be done with calendars."""

    create: CreateCalendarFeed
    manage: ManageCalendarFeeds
    read: ReadCalendarFeed
    reading: ReadBookings


class ICalendarServicer(ical_service_pb2_grpc.ICalendarServiceServicer):
    """Bookings for calendars elsewhere."""

    def __init__(self, use_cases: FeedUseCases, host: str) -> None:
        self._do = use_cases
        self._host = host

    async def GetBookingCalendar(self, request: pb.GetBookingCalendarRequest, context: Context) -> HttpBody:
        with Violations() as check:
            booking_id = check.id("booking_id", request.booking_id)
        caller = current_caller()
        booking = await self._do.reading.one(booking_id, caller)
        return await self._written([booking], CalendarView(_language(caller)))

    async def CreateCalendarFeed(
        self, request: pb.CreateCalendarFeedRequest, context: Context
    ) -> pb.CalendarFeed:
        caller = current_caller()
        wanted = _wanted(request, caller)
        keyed = requests.keyed_request(request, "CreateCalendarFeed", caller)
        return pb.CalendarFeed.FromString(await self._do.create(wanted, keyed, caller))

    async def ListCalendarFeeds(
        self, request: pb.ListCalendarFeedsRequest, context: Context
    ) -> pb.ListCalendarFeedsResponse:
        with Violations() as check:
            salon_id = check.optional_id("salon_id", request.salon_id)
        found = await self._do.manage.listed(salon_id, current_caller())
        return pb.ListCalendarFeedsResponse(feeds=[_message(feed) for feed in found])

    async def RevokeCalendarFeed(self, request: pb.RevokeCalendarFeedRequest, context: Context) -> Empty:
        with Violations() as check:
            feed_id = check.id("feed_id", request.feed_id)
        await self._do.manage.revoke(feed_id, current_caller())
        return Empty()

    async def GetCalendarFeed(self, request: pb.GetCalendarFeedRequest, context: Context) -> HttpBody:
        feed, bookings = await self._do.read(request.token)
        staff_id = feed.staff.staff_id if feed.staff else None
        return await self._written(bookings, CalendarView(feed.language, staff_id))

    async def _written(self, bookings: Sequence[Booking], view: CalendarView) -> HttpBody:
        """A full feed takes half a second to write, which nobody else should wait for."""
        content = await asyncio.to_thread(write_calendar, bookings, view, self._host)
        return HttpBody(content_type=CONTENT_TYPE, data=content)


def feed_answer(feed: CalendarFeed, token: str) -> bytes:
    """The answer that has the secret."""
    message = _message(feed)
    message.path = f"/v1/calendars/{token}/feed.ics"
    return message.SerializeToString()


def _wanted(request: pb.CreateCalendarFeedRequest, caller: Caller) -> WantedFeed:
    with Violations() as check:
        salon_id = check.optional_id("salon_id", request.salon_id)
        staff_id = check.optional_id("staff_id", request.staff_id)
        if salon_id is None and staff_id is not None:
            check.add("salon_id", "REQUIRED")
        if staff_id is None and salon_id is not None:
            check.add("staff_id", "REQUIRED")
        language = check.choice("language", request.language or _language(caller), LANGUAGES)
    return WantedFeed(_place(salon_id, staff_id), language)


def _place(salon_id: UUID | None, staff_id: UUID | None) -> StaffPlace | None:
    return StaffPlace(salon_id, staff_id) if salon_id and staff_id else None


def _language(caller: Caller) -> str:
    return caller.language if caller.language in LANGUAGES else "en"


def _message(feed: CalendarFeed) -> pb.CalendarFeed:
    return pb.CalendarFeed(
        id=str(feed.feed_id),
        salon_id=str(feed.staff.salon_id) if feed.staff else "",
        staff_id=str(feed.staff.staff_id) if feed.staff else "",
        language=feed.language,
        create_time=timestamp(feed.created_at),
    )
