"""`kursi.booking.v1.CalendarService`."""

from collections.abc import Sequence
from datetime import timedelta

from kursi.booking.v1 import booking_pb2, calendar_service_pb2_grpc
from kursi.booking.v1 import calendar_service_pb2 as pb
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.times import duration, instant, timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api.rendering import CHANNELS, PAYMENT_STATES, STATES
from kursi_booking.domain.calendar import (
    Block,
    CalendarColumn,
    CalendarEntry,
    Cause,
    SalonCalendar,
    Utilisation,
    WantedCalendar,
)
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.usecases.read_calendar import ReadCalendar

NAME = "kursi.booking.v1.CalendarService"
_LONGEST_RANGE = timedelta(days=62)
_MOST_STAFF = 100
_CAUSES = {cause: pb.CalendarBlock.Cause.Value(cause.name) for cause in Cause}


class CalendarServicer(calendar_service_pb2_grpc.CalendarServiceServicer):
    """Calendars of salons, for their people."""

    def __init__(self, read_calendar: ReadCalendar) -> None:
        self._read = read_calendar

    async def GetCalendar(self, request: pb.GetCalendarRequest, context: Context) -> pb.Calendar:
        """A range of a salon's calendar."""
        return _calendar(await self._read(_wanted(request)))


def _wanted(request: pb.GetCalendarRequest) -> WantedCalendar:
    """Whose calendar is asked for, and when. Raises: Invalid."""
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        staff_ids = check.ids("staff_ids", request.staff_ids, _MOST_STAFF)
        start = instant(check, "start_time", request.start_time)
        end = instant(check, "end_time", request.end_time)
        check.period("end_time", start, end, _LONGEST_RANGE)
    return WantedCalendar(salon_id, tuple(dict.fromkeys(staff_ids)), TimeRange(start, end))


def _calendar(calendar: SalonCalendar) -> pb.Calendar:
    return pb.Calendar(
        columns=[_column(column) for column in calendar.columns],
        utilisation=_utilisation(calendar.utilisation),
        time_zone=calendar.time_zone,
        as_of=timestamp(calendar.as_of),
        stale=calendar.stale,
        resources=[
            pb.ResourceBlocks(resource_id=str(unit_id), blocked=_blocks(blocks))
            for unit_id, blocks in calendar.things.items()
        ],
    )


def _column(column: CalendarColumn) -> pb.CalendarColumn:
    return pb.CalendarColumn(
        staff_id=str(column.staff_id),
        display_names=column.names,
        working=[_span(TimeRange.of_epoch(start, end)) for start, end in column.working],
        entries=[_entry(entry) for entry in column.entries],
        blocked=_blocks(column.blocks),
        utilisation=_utilisation(column.utilisation),
    )


def _entry(entry: CalendarEntry) -> pb.CalendarEntry:
    return pb.CalendarEntry(
        booking_id=str(entry.booking_id),
        item_id=str(entry.item_id),
        service_id=str(entry.service_id),
        service_names=entry.service_names,
        start_time=timestamp(entry.during.start),
        end_time=timestamp(entry.during.end),
        visit_start_time=timestamp(entry.visit.start),
        visit_end_time=timestamp(entry.visit.end),
        state=STATES[entry.state],
        payment_state=PAYMENT_STATES[entry.payment_state],
        customer_id=str(entry.customer_id),
        guest=None if entry.guest_name is None else booking_pb2.Booking.Guest(display_name=entry.guest_name),
        channel=CHANNELS[entry.channel],
        note=entry.note,
        revision=entry.revision,
        etag=etag_of(entry.revision),
        assists=not entry.leads,
    )


def _blocks(blocks: Sequence[Block]) -> list[pb.CalendarBlock]:
    return [
        pb.CalendarBlock(
            start_time=timestamp(block.during.start),
            end_time=timestamp(block.during.end),
            cause=_CAUSES[block.cause],
            session_id=str(block.session_id or ""),
        )
        for block in blocks
    ]


def _span(during: TimeRange) -> pb.TimeSpan:
    return pb.TimeSpan(start_time=timestamp(during.start), end_time=timestamp(during.end))


def _utilisation(share: Utilisation) -> pb.Utilisation:
    return pb.Utilisation(
        booked=duration(timedelta(seconds=share.booked)),
        working=duration(timedelta(seconds=share.working)),
        basis_points=share.basis_points,
    )
