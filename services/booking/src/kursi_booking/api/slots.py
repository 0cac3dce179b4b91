"""ListSlots on the wire."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from kursi.booking.v1 import booking_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Caller, Role
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import EPOCH, instant, timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api.requests import staff_choice
from kursi_booking.api.slot_bytes import slot_fields
from kursi_booking.domain.policy import Party
from kursi_booking.domain.visit import MAX_SERVICES
from kursi_booking.ports.offers import Ask, FreeTimes, WantedService
from kursi_booking.usecases.list_reschedule_slots import NewTimes

_LONGEST_RANGE = timedelta(days=62)
_MOST_ADD_ONS = 20 * MAX_SERVICES
_USUAL_STAFF = 10
"""So many people are named per service of a slot unless the request says otherwise."""
_MOST_STAFF = 2**31 - 1


class VisitRequest(Protocol):
    """What all questions about free times say of the visit."""

    @property
    def salon_id(self) -> str: ...
    @property
    def service_ids(self) -> Sequence[str]: ...
    @property
    def staff_ids(self) -> Sequence[str]: ...
    @property
    def add_on_ids(self) -> Sequence[str]: ...


ListRequest = booking_service_pb2.ListSlotsRequest | booking_service_pb2.ListRescheduleSlotsRequest


def ask_of(request: booking_service_pb2.ListSlotsRequest, caller: Caller) -> Ask:
    """What is asked for. Raises: Invalid."""
    with Violations() as check:
        ask = visit_of(check, request, caller)
        first, last = _starts_of(check, request)
    return replace(ask, first=first, last=last)


def new_times(request: booking_service_pb2.ListRescheduleSlotsRequest) -> NewTimes:
    """Which booking may go where. Raises: Invalid."""
    with Violations() as check:
        booking_id = check.id("booking_id", request.booking_id)
        staff_ids = staff_choice(check, request.staff_ids)
        return NewTimes(booking_id, *_starts_of(check, request), staff_ids)


def _starts_of(check: Violations, request: ListRequest) -> tuple[datetime, datetime]:
    first = instant(check, "start_time", request.start_time)
    last = instant(check, "end_time", request.end_time)
    check.period("end_time", first, last, _LONGEST_RANGE)
    check.integer("staff_limit", request.staff_limit, 0, _MOST_STAFF)
    return first, last


def visit_of(check: Violations, request: VisitRequest, caller: Caller) -> Ask:
    """The visit that is asked for, at no time yet. The salon's own people see all staff; a customer's open bookings
    count against the limit.
    """
    salon_id = check.id("salon_id", request.salon_id)
    service_ids = check.ids("service_ids", request.service_ids, MAX_SERVICES)
    staff_ids = _staff_ids(check, request.staff_ids, len(service_ids))
    add_on_ids = check.ids("add_on_ids", request.add_on_ids, _MOST_ADD_ONS)
    is_member = caller.is_admin or caller.role_in(salon_id) >= Role.STAFF
    return Ask(
        salon_id=salon_id,
        wanted=tuple(map(WantedService, service_ids, staff_ids)),
        first=EPOCH,
        last=EPOCH,
        customer_id=None if is_member else caller.user_id,
        party=Party.SALON if is_member else Party.CUSTOMER,
        add_on_ids=tuple(add_on_ids),
    )


def _staff_ids(check: Violations, values: Sequence[str], services: int) -> Sequence[UUID | None]:
    """One entry per service: nobody in particular, the one person throughout, or as listed."""
    chosen = staff_choice(check, values)
    if len(chosen) <= 1:
        return list(chosen or [None]) * services
    if len(chosen) != services:
        check.add("staff_ids", "MALFORMED")
    return chosen


def free_times(found: FreeTimes, staff_limit: int) -> bytes:
    """The answer to ListSlots; no more than `staff_limit` people (0: as many as usual) are named per service of a slot."""
    return _response(found, staff_limit or _USUAL_STAFF)


def few_free_times(found: FreeTimes) -> booking_service_pb2.ListSlotsResponse:
    """The same as a message that names everybody, for other answers to take from."""
    return booking_service_pb2.ListSlotsResponse.FromString(_response(found, None))


def _response(found: FreeTimes, most_staff: int | None) -> bytes:
    rest = booking_service_pb2.ListSlotsResponse(
        time_zone=found.time_zone,
        total=to_proto(found.total, money_pb2.Money),
        as_of=timestamp(found.as_of),
        stale=found.stale,
    )
    return b"".join([*slot_fields(found, most_staff), rest.SerializeToString()])
