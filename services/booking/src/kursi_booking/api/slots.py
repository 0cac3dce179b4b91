"""ListSlots on the wire."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi.booking.v1 import booking_pb2, booking_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Caller, Role
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import EPOCH, instant, timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api.local_texts import local_texts
from kursi_booking.domain.policy import Party
from kursi_booking.domain.visit import MAX_SERVICES
from kursi_booking.ports.offers import Ask, FreeTimes, WantedService

_LONGEST_RANGE = timedelta(days=62)
_MOST_ADD_ONS = 20 * MAX_SERVICES
_ANYBODY = "any"


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


def ask_of(request: booking_service_pb2.ListSlotsRequest, caller: Caller) -> Ask:
    """What is asked for. Raises: Invalid."""
    with Violations() as check:
        ask = visit_of(check, request, caller)
        first = instant(check, "start_time", request.start_time)
        last = instant(check, "end_time", request.end_time)
        check.period("end_time", first, last, _LONGEST_RANGE)
    return replace(ask, first=first, last=last)


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
    texts = local_texts((opening.start for opening in found.times), ZoneInfo(found.time_zone))
    who = _Who(found.service_ids)
    add = answer.slots.add
    for (start, end, staff, _), local_start in zip(found.times, texts, strict=True):
        slot = add()
        slot.MergeFromString(who.of(staff))
        slot.start_time.seconds = start
        slot.end_time.seconds = end
        slot.local_start = local_start
    return answer


class _Who:
    """Puts into words who can perform the services of a visit: the items of a slot, as bytes of the slot.

    The engine hands out the same objects again and again, which are known here by their identity: to hash one of
    Python's UUIDs takes longer than all else that is done with it. In bytes, a message is its fields one after the
    other, so an item is its service and its people, each of them put into bytes once.
    """

    def __init__(self, service_ids: Sequence[UUID]) -> None:
        self._services = [
            booking_pb2.SlotItem(service_id=str(service_id)).SerializeToString() for service_id in service_ids
        ]
        self._items: dict[int, bytes] = {}
        self._people: dict[int, bytes] = {}

    def of(self, staff: Sequence[Sequence[UUID]]) -> bytes:
        """One item per service. The caller keeps `staff`, or another object would get the identity of one."""
        items = self._items.get(id(staff))
        if items is None:
            items = self._items[id(staff)] = b"".join(
                _item(b"".join((service, *self._worded(team))))
                for service, team in zip(self._services, staff, strict=True)
            )
        return items

    def _worded(self, team: Sequence[UUID]) -> list[bytes]:
        people = self._people
        try:
            return [people[id(person)] for person in team]
        except KeyError:
            people.update(
                (id(person), booking_pb2.SlotItem(staff_ids=[str(person)]).SerializeToString())
                for person in team
            )
            return [people[id(person)] for person in team]


def _item(item: bytes) -> bytes:
    """An item as a field of its slot: the field's number and kind, how many bytes follow, and these."""
    length, rest = bytearray(), len(item)
    while rest >= 1 << 7:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes((booking_pb2.Slot.ITEMS_FIELD_NUMBER << 3 | 2, *length, rest)) + item
