"""Free times from the wire to the wire: a real database, and a catalog that speaks the contract."""

from datetime import timedelta

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1.booking_service_pb2 import ListSlotsRequest
from kursi_booking.api.slots import ask_of, free_times
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_booking.usecases.list_slots import FindFreeTimes
from kursi_booking.usecases.offer import OfferLoader
from kursi_chassis.caller import Caller

ANYBODY = Caller(kind="anonymous")
pytestmark = pytest.mark.usefixtures("catalog")


@pytest_asyncio.fixture
async def offers(catalog_client, database, fixed_clock):
    return OfferLoader(catalog_client, ClaimedTimes(database), fixed_clock, timedelta(minutes=5))


@pytest.fixture
def list_slots(offers):
    find = FindFreeTimes(offers)

    async def call(salon, services, first, last, caller=ANYBODY, **more):
        request = ListSlotsRequest(
            salon_id=str(salon.id),
            service_ids=[str(one) for one in services],
            start_time=Timestamp(seconds=int(first.timestamp())),
            end_time=Timestamp(seconds=int(last.timestamp())),
            **more,
        )
        return free_times(await find(ask_of(request, caller)))

    return call


def starts(answer):
    return [slot.local_start[11:16] for slot in answer.slots]


async def test_free_times_leave_out_what_is_taken_and_name_who_is_free(salon, list_slots, claim):
    first, second = salon.staff(), salon.staff()
    cut = salon.service(first, second)
    await claim(first, salon.at(16, 9), salon.at(16, 16))
    await claim(second, salon.at(16, 9), salon.at(16, 16, 30))
    answer = await list_slots(salon, [cut], salon.at(16, 0), salon.at(17, 0))
    assert starts(answer) == ["16:00"]
    (slot,) = answer.slots
    assert slot.start_time.ToDatetime() == salon.at(16, 16).replace(tzinfo=None)
    assert list(slot.items[0].staff_ids) == [str(first)]
    assert answer.total.amount_minor == 10_000
    assert answer.time_zone == "Asia/Riyadh"
    assert not answer.stale
