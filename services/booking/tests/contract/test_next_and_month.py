"""The first free time and the days of a month, over the wire, held against the list of free times."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import availability_service_pb2 as pb
from kursi.booking.v1 import availability_service_pb2_grpc as rpc
from kursi.booking.v1 import booking_service_pb2
from kursi_chassis.ids import new_id

DAY = 86_400


def epoch(instant):
    return int(instant.timestamp())


def stamp(instant):
    return Timestamp(seconds=epoch(instant))


@pytest.fixture
def ask(world):
    """`await ask("FindNextSlot", [services], …)`, as a customer."""

    async def call(method, services, *, salon=None, metadata=None, **more):
        request = getattr(pb, f"{method}Request")(
            salon_id=str((salon or world.salon).id), service_ids=[str(one) for one in services], **more
        )
        stub = rpc.AvailabilityServiceStub(world.channel)
        return await getattr(stub, method)(
            request, metadata=world.customer() if metadata is None else metadata
        )

    return call


@pytest.fixture
def slots(world):
    """`await slots(salon, service, first, last)`: what ListSlots says."""

    async def ask(salon, service, first, last):
        request = booking_service_pb2.ListSlotsRequest(
            salon_id=str(salon.id), service_ids=[str(service)], start_time=stamp(first), end_time=stamp(last)
        )
        return (await world.stub.ListSlots(request, metadata=world.customer())).slots

    return ask


def working(salon, first, days, start=9, end=17):
    """From nine to five on so many days from a local date on, as instants."""
    return [
        tuple(epoch(datetime(day.year, day.month, day.day, hour, tzinfo=salon.zone)) for hour in (start, end))
        for day in (first + timedelta(days=number) for number in range(days))
    ]


@pytest.mark.covers("B2")
async def test_the_first_free_time_is_the_first_of_the_list_from_now_or_from_a_time(world, ask, slots, claim):
    salon, service = world.salon, world.service_id
    for staff_id in world.staff:
        await claim(staff_id, salon.at(16, 9), salon.at(16, 12, 30))
    listed = await slots(salon, service, salon.at(16, 0), salon.at(17, 0))
    answer = await ask("FindNextSlot", [service], start_time=stamp(salon.at(16, 8)))
    assert answer.slot == listed[0]
    assert (answer.slot.local_start[11:16], answer.complete) == ("12:30", False)
    assert answer.searched_until == answer.slot.start_time
    world.clock.set(salon.at(16, 13, 1))
    assert (await ask("FindNextSlot", [service])).slot.local_start[11:16] == "14:15"
    long_ago = stamp(salon.at(1, 0) - timedelta(days=400))
    past = await ask("FindNextSlot", [service], start_time=long_ago)
    assert past.slot.local_start[11:16] == "14:15"


@pytest.mark.covers("B2")
async def test_a_first_time_that_is_months_away_is_found_in_few_questions(world, ask, catalog):
    salon = world.salon
    late = date(2026, 7, 20)
    staff_id = salon.staff(working=working(salon, late, 3))
    service = salon.service(staff_id, terms={"maximum_ahead": {"seconds": 400 * DAY}})
    answer = await ask("FindNextSlot", [service])
    assert answer.slot.local_start == "2026-07-20T09:00:00+03:00"
    assert len(catalog.requests) <= 4


@pytest.mark.covers("B2")
async def test_finding_nothing_is_no_error_and_says_how_far_was_looked(world, ask):
    salon, now = world.salon, world.clock.now()
    idle = salon.staff(working=[])
    near = salon.service(idle)
    answer = await ask("FindNextSlot", [near])
    assert not answer.HasField("slot")
    assert (answer.searched_until.seconds, answer.complete) == (epoch(now) + 90 * DAY + 1, True)
    far = salon.service(idle, terms={"maximum_ahead": {"seconds": 400 * DAY}})
    answer = await ask("FindNextSlot", [far])
    assert (answer.searched_until.seconds, answer.complete) == (epoch(now) + 186 * DAY, False)
    rest = await ask("FindNextSlot", [far], start_time=answer.searched_until)
    assert (rest.searched_until.seconds, rest.complete) == (epoch(now) + 372 * DAY, False)
    beyond = stamp(now + timedelta(days=500))
    assert (await ask("FindNextSlot", [far], start_time=beyond)).complete


@pytest.mark.covers("B2")
async def test_who_can_book_nothing_is_told_at_once(world, ask, catalog):
    service = world.salon.service(*world.staff, terms={"maximum_active_bookings": 1})
    await world.book(world.salon.at(16, 9))
    answer = await ask("FindNextSlot", [service])
    assert (answer.HasField("slot"), answer.complete) == (False, True)
    assert (await ask("FindNextSlot", [service], metadata=())).HasField("slot")


MONTHS = [
    ("Europe/Berlin", "2027-03", 31, 23),
    ("Europe/Berlin", "2026-10", 31, 25),
    ("America/New_York", "2026-03", 31, 23),
    ("Asia/Riyadh", "2026-04", 30, 24),
    ("Pacific/Kiritimati", "2026-04", 30, 24),
    ("Pacific/Pago_Pago", "2028-02", 29, 24),
]


@pytest.mark.covers("B2")
@pytest.mark.parametrize(("zone", "month", "days", "longest"), MONTHS)
async def test_each_day_of_a_month_has_what_the_list_has_on_it(
    zone, month, days, longest, world, make_salon, ask, slots
):
    salon = make_salon(zone)
    first = date.fromisoformat(f"{month}-01")
    world.clock.set(datetime(first.year, first.month, 4, 12, tzinfo=UTC))
    all_day = [(epoch(world.clock.now()) - 40 * DAY, epoch(world.clock.now()) + 80 * DAY)]
    service = salon.service(
        salon.staff(working=all_day), terms={"maximum_ahead": {"seconds": (days - 6) * DAY}}
    )
    answer = await ask("ListBookableDays", [service], salon=salon, month=month)
    assert [one.date for one in answer.days] == [str(first + timedelta(days=one)) for one in range(days)]
    begin = datetime(first.year, first.month, 1, tzinfo=ZoneInfo(zone)) - timedelta(days=1)
    listed = {}
    for slot in await slots(salon, service, begin, begin + timedelta(days=days + 2)):
        listed.setdefault(slot.local_start[:10], []).append(slot)
    for one in answer.days:
        mine = listed.get(one.date, [])
        assert one.starts == len(mine)
        assert not mine or (one.first_start_time, one.first_local_start) == (
            mine[0].start_time,
            mine[0].local_start,
        )
    assert (answer.days[0].starts, answer.days[-1].starts) == (0, 0)
    assert {one.starts for one in answer.days[5 : days - 3]} == {24 * 4, longest * 4}


@pytest.mark.covers("B2")
async def test_months_that_are_over_or_too_far_away_have_their_days_and_nothing_on_them(world, ask):
    for month, days in (("2020-02", 29), ("2199-12", 31), ("1970-01", 31)):
        answer = await ask("ListBookableDays", [world.service_id], month=month)
        assert [one.starts for one in answer.days] == [0] * days
        assert not any(one.HasField("first_start_time") for one in answer.days)


async def test_the_first_and_the_last_instant_of_all_can_be_asked_for(world, ask, slots):
    first, last = datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)
    for start, end in ((first, first + timedelta(days=1)), (last - timedelta(days=62), last)):
        assert list(await slots(world.salon, world.service_id, start, end)) == []
    assert (await ask("FindNextSlot", [world.service_id], start_time=stamp(last))).complete


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "2026-3", "202603", "2026-03-01", "1969-12", "2200-01", "٢٠٢٦-٠٣"]
)
async def test_what_is_no_month_is_refused(month, ask, world, refusal):
    refused = await refusal(ask("ListBookableDays", [world.service_id], month=month))
    assert (refused.reason, refused.violations) == ("INVALID_ARGUMENT", {"month": "NOT_A_MONTH"})


@pytest.mark.parametrize("method", ["FindNextSlot", "ListBookableDays"])
async def test_the_visit_is_refused_as_in_the_list(method, ask, world, refusal):
    more = {"month": "2026-03"} if method == "ListBookableDays" else {}
    other = world.salon.staff()
    world.salon.service(other)
    nine = [str(new_id())] * 9
    assert (await refusal(ask(method, nine, **more))).violations == {"serviceIds": "TOO_MANY"}
    assert (await refusal(ask(method, [new_id()], **more))).reason == "SERVICE_NOT_FOUND"
    for staff_id, reason in ((new_id(), "STAFF_NOT_FOUND"), (other, "STAFF_DOES_NOT_PERFORM")):
        refused = await refusal(ask(method, [world.service_id], staff_ids=[str(staff_id)], **more))
        assert refused.reason == reason


@pytest.mark.parametrize("method", ["FindNextSlot", "ListBookableDays"])
async def test_with_the_catalog_down_what_is_kept_is_told_as_stale(method, ask, world, catalog, refusal):
    more = {"month": "2026-03"} if method == "ListBookableDays" else {}
    assert not (await ask(method, [world.service_id], **more)).stale
    await catalog.stop()
    world.clock.advance(timedelta(minutes=2))
    assert (await ask(method, [world.service_id], **more)).stale
    unknown = world.salon.service(*world.staff)
    assert (await refusal(ask(method, [unknown], **more))).reason == "CATALOG_UNAVAILABLE"
