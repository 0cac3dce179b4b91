"""Clashes with calendars elsewhere as events."""

from uuid import UUID

from kursi.booking.events.v1 import calendar_events_pb2 as events_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.external_calendar import CalendarConflict

_SCHEMA = "kursi.booking.events.v1.CalendarConflictEvent"
_TYPE = "kursi.booking.v1.conflict_detected"


def describe_conflict(conflict: CalendarConflict, booking: Booking) -> Event:
    """The event of a new conflict for the outbox."""
    user_id, names = _person(booking, conflict.staff.staff_id)
    message = events_pb2.CalendarConflictEvent(
        booking_id=str(booking.booking_id),
        salon_id=str(booking.salon_id),
        salon_names=booking.salon.names,
        time_zone=booking.salon.time_zone,
        booking_revision=booking.revision,
        occur_time=timestamp(conflict.detected_at),
        start_time=timestamp(booking.during.start),
        end_time=timestamp(booking.during.end),
        conflict_id=str(conflict.conflict_id),
        external_calendar_id=str(conflict.calendar_id),
        staff_id=str(conflict.staff.staff_id),
        staff_user_id=str(user_id or ""),
        staff_names=names,
        clash_start_time=timestamp(conflict.start),
        clash_end_time=timestamp(conflict.end),
    )
    return Event(
        type=_TYPE,
        subject=f"kursi.booking.v1.{booking.salon_id}.{booking.booking_id}.conflict_detected",
        aggregate_id=booking.booking_id,
        revision=booking.revision,
        payload=message.SerializeToString(deterministic=True),
        occurred_at=conflict.detected_at,
        schema=_SCHEMA,
    )


def _person(booking: Booking, staff_id: UUID) -> tuple[UUID | None, dict[str, str]]:
    """The account and the names of somebody who works on the visit; nothing when they no longer do."""
    for item in booking.items:
        if item.staff_id == staff_id:
            return item.staff_user_id, dict(item.staff_names)
        for one in item.assistants:
            if one.staff_id == staff_id:
                return one.user_id, dict(one.names)
    return None, {}
