"""ListSlots on the wire."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

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
    """The answer. Who can perform what is put into words once for all starts at which it is the same, and copied as
    bytes: a month of ten people is a thousand starts with ten names each.
    """
    answer = booking_service_pb2.ListSlotsResponse(
        time_zone=found.time_zone,
        total=to_proto(found.total, money_pb2.Money),
        as_of=timestamp(found.as_of),
        stale=found.stale,
    )
    zone = ZoneInfo(found.time_zone)
    service_ids = [str(service_id) for service_id in found.service_ids]
    worded: dict[int, bytes] = {}
    for start, end, staff in found.times:
        who = worded.get(id(staff))
        if who is None:
            who = worded[id(staff)] = _who(service_ids, staff)
        slot = answer.slots.add()
        slot.MergeFromString(who)
        slot.start_time.seconds = start
        slot.end_time.seconds = end
        slot.local_start = datetime.fromtimestamp(start, zone).isoformat()
    return answer


def _who(service_ids: Sequence[str], staff: Sequence[Sequence[UUID]]) -> bytes:
    items = [
        booking_pb2.SlotItem(service_id=service_id, staff_ids=map(str, team))
        for service_id, team in zip(service_ids, staff, strict=True)
    ]
    return booking_pb2.Slot(items=items).SerializeToString()
