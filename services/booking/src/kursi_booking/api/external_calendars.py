"""`kursi.booking.v1.ExternalCalendarService`."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from kursi.booking.v1 import external_calendar_service_pb2 as pb
from kursi.booking.v1 import external_calendar_service_pb2_grpc
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.times import optional_timestamp, timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api import requests
from kursi_booking.domain.calendar_address import LONGEST
from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.external_calendar import LONGEST_NAME, CalendarConflict, ExternalCalendar
from kursi_booking.usecases.external_calendars import (
    ConnectExternalCalendar,
    ManageExternalCalendars,
    WantedConnection,
)

NAME = "kursi.booking.v1.ExternalCalendarService"


class OfStaff(Protocol):
    """A request about a staff member."""

    salon_id: str
    staff_id: str


class OfCalendar(OfStaff, Protocol):
    """A request about one of their calendars."""

    calendar_id: str


@dataclass(frozen=True, slots=True)
class ExternalCalendarUseCases:
    """What can be done with calendars elsewhere."""

    connect: ConnectExternalCalendar
    manage: ManageExternalCalendars


class ExternalCalendarServicer(external_calendar_service_pb2_grpc.ExternalCalendarServiceServicer):
    """Busy times from calendars elsewhere."""

    def __init__(self, use_cases: ExternalCalendarUseCases) -> None:
        self._do = use_cases

    async def ConnectExternalCalendar(
        self, request: pb.ConnectExternalCalendarRequest, context: Context
    ) -> pb.ExternalCalendar:
        with Violations() as check:
            place = _place(request, check)
            name = check.text("name", request.name, LONGEST_NAME)
            if len(request.url) > LONGEST:
                check.add("url", "TOO_LONG", max=LONGEST)
        caller = current_caller()
        keyed = requests.keyed_request(request, "ConnectExternalCalendar", caller)
        answer = await self._do.connect(WantedConnection(place, request.url, name), keyed, caller)
        return pb.ExternalCalendar.FromString(answer)

    async def ListExternalCalendars(
        self, request: pb.ListExternalCalendarsRequest, context: Context
    ) -> pb.ListExternalCalendarsResponse:
        with Violations() as check:
            place = _place(request, check)
        found = await self._do.manage.listed(place, current_caller())
        return pb.ListExternalCalendarsResponse(calendars=[_message(one) for one in found])

    async def RefreshExternalCalendar(
        self, request: pb.RefreshExternalCalendarRequest, context: Context
    ) -> pb.ExternalCalendar:
        caller = current_caller()
        place, calendar_id = _named(request)
        keyed = requests.keyed_request(request, "RefreshExternalCalendar", caller)
        return pb.ExternalCalendar.FromString(
            await self._do.manage.refresh(place, calendar_id, keyed, caller)
        )

    async def DisconnectExternalCalendar(
        self, request: pb.DisconnectExternalCalendarRequest, context: Context
    ) -> Empty:
        place, calendar_id = _named(request)
        await self._do.manage.disconnect(place, calendar_id, current_caller())
        return Empty()

    async def ListCalendarConflicts(
        self, request: pb.ListCalendarConflictsRequest, context: Context
    ) -> pb.ListCalendarConflictsResponse:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            staff_id = check.optional_id("staff_id", request.staff_id)
        found = await self._do.manage.conflicts(salon_id, staff_id)
        return pb.ListCalendarConflictsResponse(conflicts=[_conflict(one) for one in found])


def calendar_answer(calendar: ExternalCalendar) -> bytes:
    """The answer that is kept for repetitions."""
    return _message(calendar).SerializeToString()


def _named(request: OfCalendar) -> tuple[StaffPlace, UUID]:
    with Violations() as check:
        place = _place(request, check)
        calendar_id = check.id("calendar_id", request.calendar_id)
    return place, calendar_id


def _place(request: OfStaff, check: Violations) -> StaffPlace:
    return StaffPlace(check.id("salon_id", request.salon_id), check.id("staff_id", request.staff_id))


def _message(calendar: ExternalCalendar) -> pb.ExternalCalendar:
    return pb.ExternalCalendar(
        id=str(calendar.calendar_id),
        salon_id=str(calendar.staff.salon_id),
        staff_id=str(calendar.staff.staff_id),
        name=calendar.name,
        host=calendar.host,
        create_time=timestamp(calendar.created_at),
        last_attempt_time=optional_timestamp(calendar.last_attempt_at),
        last_success_time=optional_timestamp(calendar.last_success_at),
        last_error=calendar.last_error,
        last_status=calendar.last_status,
        busy_count=calendar.busy_count,
        skipped_count=calendar.skipped,
    )


def _conflict(conflict: CalendarConflict) -> pb.CalendarConflict:
    return pb.CalendarConflict(
        id=str(conflict.conflict_id),
        salon_id=str(conflict.staff.salon_id),
        staff_id=str(conflict.staff.staff_id),
        external_calendar_id=str(conflict.calendar_id),
        booking_id=str(conflict.booking_id),
        start_time=timestamp(conflict.start),
        end_time=timestamp(conflict.end),
        detect_time=timestamp(conflict.detected_at),
    )
