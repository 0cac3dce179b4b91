"""ListSlots on the wire."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2, booking_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Caller, Role
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import instant, timestamp
from kursi_chassis.validation import Violations

from kursi_booking.domain.policy import Party
from kursi_booking.domain.visit import MAX_SERVICES
from kursi_booking.ports import Ask, FreeTimes, WantedService

_LONGEST_RANGE = timedelta(days=62)
_MOST_ADD_ONS = 20 * MAX_SERVICES
_ANYBODY = "any"


def ask_of(request: booking_service_pb2.ListSlotsRequest, caller: Caller) -> Ask:
    """What is asked for. The salon's own people see all staff; a customer's open bookings count against the limit.

    Raises: Invalid.
    """
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        service_ids = check.ids("service_ids", request.service_ids, MAX_SERVICES)
        staff_ids = _staff_ids(check, request.staff_ids, len(service_ids))
        add_on_ids = check.ids("add_on_ids", request.add_on_ids, _MOST_ADD_ONS)
        first = instant(check, "start_time", request.start_time)
        last = instant(check, "end_time", request.end_time)
        check.period("end_time", first, last, _LONGEST_RANGE)
    is_member = caller.is_admin or caller.role_in(salon_id) >= Role.STAFF
    return Ask(
        salon_id=salon_id,
        wanted=tuple(map(WantedService, service_ids, staff_ids)),
        first=first,
        last=last,
        customer_id=None if is_member else caller.user_id,
        party=Party.SALON if is_member else Party.CUSTOMER,
        add_on_ids=tuple(add_on_ids),
    )


def _staff_ids(check: Violations, values: Sequence[str], services: int) -> Sequence[UUID | None]:
    """One entry per service: nobody in particular, the one person throughout, or as listed."""
    check.count("staff_ids", values, MAX_SERVICES)
    chosen = [
        None if value == _ANYBODY else check.id(f"staff_ids[{position}]", value)
        for position, value in enumerate(values[:MAX_SERVICES])
    ]
    if len(chosen) <= 1:
        return (chosen or [None]) * services
    if len(chosen) != services:
        check.add("staff_ids", "MALFORMED")
    return chosen


def free_times(found: FreeTimes) -> booking_service_pb2.ListSlotsResponse:
    """The answer. Starts at which the same people are free share one rendering of them."""
    zone = ZoneInfo(found.time_zone)
    rendered: dict[int, Sequence[booking_pb2.SlotItem]] = {}
    service_ids = [str(service_id) for service_id in found.service_ids]
    names = _texts(staff_id for time in found.times for team in time.staff for staff_id in team)
    return booking_service_pb2.ListSlotsResponse(
        slots=[
            booking_pb2.Slot(
                start_time=_seconds(time.start),
                end_time=_seconds(time.end),
                local_start=time.start.astimezone(zone).isoformat(),
                items=rendered.get(id(time.staff))
                or rendered.setdefault(id(time.staff), _items(service_ids, time.staff, names)),
            )
            for time in found.times
        ],
        time_zone=found.time_zone,
        total=to_proto(found.total, money_pb2.Money),
        as_of=timestamp(found.as_of),
        stale=found.stale,
    )


def _items(
    service_ids: Sequence[str], staff: Sequence[Sequence[UUID]], names: Mapping[UUID, str]
) -> Sequence[booking_pb2.SlotItem]:
    return [
        booking_pb2.SlotItem(service_id=service_id, staff_ids=[names[staff_id] for staff_id in team])
        for service_id, team in zip(service_ids, staff, strict=True)
    ]


def _texts(ids: Iterable[UUID]) -> Mapping[UUID, str]:
    return {one: str(one) for one in set(ids)}


def _seconds(moment: datetime) -> Timestamp:
    """Starts are whole seconds."""
    return Timestamp(seconds=int(moment.timestamp()))
