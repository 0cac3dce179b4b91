"""Free times as bytes of their message: a month of fifty people is a thousand starts with nearly fifty names each.

In bytes a message is its fields one after the other, in any order, so a slot is put together from parts that are the same
in many of them. protobuf makes each part once; only what stands before a slot and an item, its number and length, is
written here.
"""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2, booking_service_pb2

from kursi_booking.api.local_texts import local_text
from kursi_booking.ports.offers import FreeTimes

_SLOTS = booking_service_pb2.ListSlotsResponse.SLOTS_FIELD_NUMBER
_ITEMS = booking_pb2.Slot.ITEMS_FIELD_NUMBER


def slot_fields(found: FreeTimes, most_staff: int | None = None) -> bytes:
    """The field `slots` of ListSlotsResponse, one for each start; with up to `most_staff` people for a service."""
    zone, who = ZoneInfo(found.time_zone), _Who(found.service_ids, most_staff)
    fields: list[bytes] = []
    for start, end, staff, _ in found.times:
        during, items = _during(start, end, zone), who.known.get(id(staff)) or who.of(staff)
        fields += (_head(_SLOTS, len(during) + len(items)), during, items)
    return b"".join(fields)


class _Who:
    """Who can perform the services of a visit: the items of a slot, put into bytes once for all starts at which they are
    the same.

    The engine hands out the same objects again and again, which are known here by their identity: to hash one of
    Python's UUIDs takes longer than all else that is done with it.
    """

    def __init__(self, service_ids: Sequence[UUID], most: int | None) -> None:
        self._most = most
        self._services = [
            booking_pb2.SlotItem(service_id=str(service_id)).SerializeToString() for service_id in service_ids
        ]
        self.known: dict[int, bytes] = {}
        """By the identity of what `of` was asked about: to look here first takes a fraction of a call."""
        self._people: dict[int, bytes] = {}

    def of(self, staff: Sequence[Sequence[UUID]]) -> bytes:
        """One item per service. The caller keeps `staff`, or another object would get the identity of one."""
        teams = zip(self._services, staff, strict=True)
        items = self.known[id(staff)] = b"".join(
            part for service, team in teams for part in self._item(service, team)
        )
        return items

    def _item(self, service: bytes, team: Sequence[UUID]) -> tuple[bytes, ...]:
        people, named = self._people, team[: self._most]
        try:
            names = b"".join(map(people.__getitem__, map(id, named)))
        except KeyError:
            people.update((id(person), _person(person)) for person in named)
            names = b"".join(map(people.__getitem__, map(id, named)))
        count = _count(len(team))
        return _head(_ITEMS, len(service) + len(names) + len(count)), service, names, count


# Salons of one zone begin on the same minutes, and most visits take as long: what is kept serves all of a month's lists.
@lru_cache(maxsize=16_384)
def _during(start: int, end: int, zone: ZoneInfo) -> bytes:
    return booking_pb2.Slot(
        start_time=Timestamp(seconds=start),
        end_time=Timestamp(seconds=end),
        local_start=local_text(start, zone),
    ).SerializeToString()


def _person(staff_id: UUID) -> bytes:
    return booking_pb2.SlotItem(staff_ids=[str(staff_id)]).SerializeToString()


@lru_cache(maxsize=1_024)
def _count(staff: int) -> bytes:
    return booking_pb2.SlotItem(staff_count=staff).SerializeToString()


@lru_cache(maxsize=4_096)
def _head(field: int, length: int) -> bytes:
    """What stands before a message in a field: the field's number and kind, and how many bytes follow."""
    head, rest = bytearray([field << 3 | 2]), length
    while rest >= 1 << 7:
        head.append(rest & 127 | 128)
        rest >>= 7
    head.append(rest)
    return bytes(head)
