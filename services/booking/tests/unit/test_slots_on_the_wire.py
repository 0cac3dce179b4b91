"""Lists of free times, put together from bytes, are the messages that one would build field by field."""

import random
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from kursi.booking.v1 import booking_pb2, booking_service_pb2
from kursi_booking.api.local_texts import local_text
from kursi_booking.api.slots import few_free_times, free_times
from kursi_booking.domain.availability import Opening
from kursi_booking.ports.offers import FreeTimes
from kursi_chassis.money import Money

# So many people take one, two and three bytes to count.
TEAMS = [1, 3, 4, 200, 500]
# An instant of this spring takes four bytes, one of this autumn five.
SPRING_OF_1978, AUTUMN_OF_2026 = (
    range(260_000_000, 260_600_000, 900),
    range(1_792_800_000, 1_793_400_000, 900),
)


@pytest.mark.parametrize("services", [1, 3, 8])
@pytest.mark.parametrize("zone", ["Asia/Riyadh", "Europe/Berlin"])
@pytest.mark.parametrize("limit", [None, 0, 1, 3, 600])
def test_a_list_of_free_times_is_what_its_fields_say(services, zone, limit):
    rnd = random.Random(services)
    people = [UUID(int=rnd.getrandbits(128)) for _ in range(500)]
    service_ids = tuple(UUID(int=number + 1) for number in range(services))
    staffs = [tuple(tuple(rnd.sample(people, rnd.choice(TEAMS))) for _ in service_ids) for _ in range(6)]
    starts = sorted([*rnd.sample(SPRING_OF_1978, 30), *rnd.sample(AUTUMN_OF_2026, 60)])
    times = [Opening(start, start + 5_400, rnd.choice(staffs), None) for start in starts]
    found = FreeTimes(times, service_ids, zone, Money("SAR", 100), datetime(2026, 10, 1, tzinfo=UTC), False)
    answer = (
        few_free_times(found)
        if limit is None
        else booking_service_pb2.ListSlotsResponse.FromString(free_times(found, limit))
    )
    most = 10 if limit == 0 else limit
    assert list(answer.slots) == [
        booking_pb2.Slot(
            start_time={"seconds": start},
            end_time={"seconds": end},
            local_start=local_text(start, ZoneInfo(zone)),
            items=[
                booking_pb2.SlotItem(
                    service_id=str(service_id), staff_ids=map(str, team[:most]), staff_count=len(team)
                )
                for service_id, team in zip(service_ids, staff, strict=True)
            ],
        )
        for start, end, staff, _ in times
    ]
