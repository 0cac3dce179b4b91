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
_MOST_STARTS = 9_000
"""So many are kept of one zone and duration: a month in steps of five minutes."""


def slot_fields(found: FreeTimes, most_staff: int | None = None) -> list[bytes]:
    """The field `slots` of ListSlotsResponse, once for each start, in pieces to be joined; with up to `most_staff` people
    for a service.
    """
    zone, who = ZoneInfo(found.time_zone), _Who(found.service_ids, most_staff)
    times, duration = _Times(zone, 0), 0
    fields: list[bytes] = []
    for start, end, staff, _ in found.times:
        if end - start != duration:
            times, duration = _times(zone, end - start), end - start
        time = times[start]
        fields += (who.known.get((id(staff), len(time))) or who.before(staff, len(time)), time)
    return fields


class _Times(dict[int, bytes]):
    """The fields of a slot that say when it is, by its start. (A dict, as a cached function takes three times as long to
    answer, and is asked a thousand times; and one answer per slot, as memory is what it waits for.)
    """

    def __init__(self, zone: ZoneInfo, duration: int) -> None:
        self._zone, self._duration = zone, duration

    def __missing__(self, start: int) -> bytes:
        if len(self) >= _MOST_STARTS:
            self.clear()
        slot = booking_pb2.Slot(
            start_time=Timestamp(seconds=start),
            end_time=Timestamp(seconds=start + self._duration),
            local_start=local_text(start, self._zone),
        )
        self[start] = fields = slot.SerializeToString()
        return fields


# Salons of one zone begin on the same minutes, and most visits take as long: what is kept serves all of a month's lists.
_times = lru_cache(maxsize=32)(_Times)


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
        self.known: dict[tuple[int, int], bytes] = {}
        """By what `before` was asked, of objects their identity: to look here first takes a fraction of a call."""
        self._people: dict[int, bytes] = {}

    def before(self, staff: Sequence[Sequence[UUID]], length: int) -> bytes:
        """A slot up to the fields that say when it is, which have `length` bytes: its head, and one item per service.

        The caller keeps `staff`, or another object would get the identity of one.
        """
        teams = zip(self._services, staff, strict=True)
        items = b"".join(self._item(service, team) for service, team in teams)
        slot = self.known[id(staff), length] = _head(_SLOTS, len(items) + length) + items
        return slot

    def _item(self, service: bytes, team: Sequence[UUID]) -> bytes:
        people, names = self._people, list[bytes]()
        for person in team[: self._most]:
            name = people.get(id(person))
            if name is None:
                name = people[id(person)] = _person(person)
            names.append(name)
        item = b"".join((service, *names, _count(len(team))))
        return _head(_ITEMS, len(item)) + item


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
