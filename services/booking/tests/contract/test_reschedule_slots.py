"""Where a booking can be moved to, as callers see it."""

import random
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id

STEP, DAY = 900, 86_400


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def starts(answer):
    return [slot.local_start[11:16] for slot in answer.slots]


def named(slot):
    return [list(item.staff_ids) for item in slot.items]


@pytest.fixture
def places(world):
    """`await places(booking, day, …)`: where it can be moved to on a day of March, asked by its customer."""

    async def ask(booking, day=16, *, days=1, metadata=None, **more):
        first = int(world.salon.at(day, 0).timestamp())
        request = pb.ListRescheduleSlotsRequest(
            booking_id=booking.id,
            **{
                "start_time": Timestamp(seconds=first),
                "end_time": Timestamp(seconds=first + days * DAY),
                **more,
            },
        )
        return await world.stub.ListRescheduleSlots(request, metadata=metadata or world.customer())

    return ask


@pytest.fixture
def fits(world, refusal):
    """`await fits(booking, start, …)`: whether a move there could be done, as its dry run says."""

    async def ask(booking, start, **more):
        foreseen = world.act(
            "RescheduleBooking",
            booking,
            metadata=world.customer(),
            start_time=Timestamp(seconds=start),
            dry_run=True,
            **more,
        )
        try:
            await foreseen
        except grpc.aio.AioRpcError:
            return False
        return True

    return ask


@pytest.mark.covers("B4", "B8")
@pytest.mark.parametrize("seed", range(6))
async def test_a_booking_can_be_moved_to_what_is_listed_and_nowhere_else(seed, world, places, fits, claim):
    rnd, salon = random.Random(seed), world.salon
    salon.resource("chair")
    people = [*world.staff, salon.staff()]
    slow = {people[1]: {"duration": {"seconds": 4_500}}}
    chair = {"duration": {"seconds": 2_700}, "needs_staff": True, "resource_kinds": ["chair"]}
    colour = salon.service(*people, duration=0, segments=[chair])
    cut = salon.service(*people, duration=45, own=slow)
    nails = salon.service(*people[1:], duration=30, buffer_after={"seconds": 600})
    services = rnd.choice([[cut], [colour], [cut, nails], [nails, colour]])
    booked = await world.book(salon.at(16, 11), *services)
    for unit in people:
        for part in range(3):
            begin = salon.at(17, 9) + timedelta(minutes=part * 160 + rnd.randrange(0, 80, 5))
            await claim(unit, begin, begin + timedelta(minutes=rnd.choice([20, 45, 80])))
    first, last = int(salon.at(17, 8).timestamp()), int(salon.at(17, 18).timestamp())
    answer = await places(booked, 17)
    listed = {slot.start_time.seconds for slot in answer.slots}
    assert listed == {start for start in range(first, last, STEP) if await fits(booked, start)}
    assert listed
    during = [(slot.start_time.seconds, slot.end_time.seconds) for slot in answer.slots]
    assert during == sorted(set(during))
    for slot in rnd.sample(list(answer.slots), min(6, len(answer.slots))):
        for person in named(slot)[0]:
            choice = [person, *["any"] * (len(services) - 1)]
            assert await fits(booked, slot.start_time.seconds, staff_ids=choice)


@pytest.mark.covers("B8")
async def test_its_own_time_is_free_for_a_booking_and_for_nobody_else(world, places):
    service = world.salon.service(world.staff[0])
    booked = await world.book(world.salon.at(16, 10), service)
    assert {"09:15", "10:00", "10:45"} <= set(starts(await places(booked)))
    other = await world.book(world.salon.at(16, 14), service, metadata=world.customer(new_id()))
    assert not {"13:15", "14:00", "14:45"} & set(starts(await places(booked)))
    assert "14:30" in starts(await places(other, metadata=world.member()))


@pytest.mark.covers("B8")
async def test_whoever_has_all_the_bookings_they_may_have_can_move_one(world, places):
    terms = {"maximum_active_bookings": 1, "maximum_bookings_per_staff_day": 1}
    service = world.salon.service(world.staff[0], terms=terms)
    booked = await world.book(world.salon.at(16, 10), service)
    assert len((await places(booked)).slots) > 1
    assert (await places(booked, 17)).slots


async def test_who_was_booked_needs_the_time_that_was_agreed_and_others_what_it_takes_now(world, places):
    service = world.salon.service(*world.staff, duration=60)
    booked = await world.book(world.salon.at(16, 10), service, staff=world.staff[0])
    sold = next(one.service for one in world.salon.answer.offers if one.service.id == str(service))
    sold.duration.seconds, sold.price.amount_minor = 5_400, 15_000
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    answer = await places(booked, 17)
    ends = {(slot.end_time.seconds - slot.start_time.seconds) // 60 for slot in answer.slots}
    assert ends == {60, 90}
    assert named(answer.slots[-1]) == [[str(world.staff[0])]]
    assert starts(answer)[-1] == "16:00"
    assert answer.total.amount_minor == booked.total.amount_minor
    assert answer.time_zone == "Asia/Riyadh"


async def test_people_can_be_chosen_and_counted(world, places, refusal):
    both = await world.book(world.salon.at(16, 10), world.service_id, world.service_id)
    first, second = map(str, world.staff)
    apart = (await places(both, 17, staff_ids=[first, second])).slots
    assert [named(slot) for slot in apart] == [[[first], [second]]] * len(apart)
    one_of_two = (await places(both, 17, staff_limit=1)).slots[0].items[0]
    assert (len(one_of_two.staff_ids), one_of_two.staff_count) == (1, 2)
    wrong = await refusal(places(both, 17, staff_ids=[first] * 3))
    assert wrong.violations == {"staffIds": "OUT_OF_RANGE"}
    stranger = world.salon.staff()
    assert (await refusal(places(both, 17, staff_ids=[str(stranger)]))).reason == "STAFF_DOES_NOT_PERFORM"
    assert (await refusal(places(both, 17, staff_ids=[str(new_id())]))).reason == "STAFF_NOT_FOUND"


async def test_whoever_left_is_not_named_and_the_others_are(world, places):
    service = world.salon.service(*world.staff)
    booked = await world.book(world.salon.at(16, 10), service, staff=world.staff[0])
    sold = next(one.service for one in world.salon.answer.offers if one.service.id == str(service))
    del sold.performers[0]
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    answer = await places(booked, 17)
    assert {tuple(named(slot)[0]) for slot in answer.slots} == {(str(world.staff[1]),)}


async def test_what_cannot_be_moved_is_said_before_a_time_is_chosen(world, places, refusal):
    made = await world.in_each_state()
    told = {state: (await refusal(places(one, 20, metadata=world.member()))).reason
            for state, one in made.items() if state not in ("HELD", "PENDING", "CONFIRMED")}  # fmt: skip
    assert set(told.values()) == {"ILLEGAL_TRANSITION"}
    # It has begun: the salon may still move it, its customer may not.
    confirmed = made["CONFIRMED"]
    whose = world.customer(confirmed.customer_id)
    assert (await refusal(places(confirmed, 20, metadata=whose))).reason == "TOO_LATE_TO_RESCHEDULE"
    assert (await places(confirmed, 20, metadata=world.member())).slots
    stranger = world.customer(new_id())
    assert (await refusal(places(confirmed, 20, metadata=stranger))).reason == "BOOKING_NOT_FOUND"


async def test_a_salon_that_takes_no_bookings_moves_none(world, places, refusal):
    booked = await world.book(world.salon.at(16, 10))
    world.salon.answer.salon.status = catalog_pb2.Salon.SUSPENDED
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    assert (await refusal(places(booked, 17))).reason == "SALON_NOT_LIVE"
    assert not (await places(booked, 17, metadata=world.member())).slots


@pytest.mark.parametrize(
    ("field", "code", "more"),
    [
        ("bookingId", "NOT_AN_ID", {"booking_id": "x"}),
        ("endTime", "RANGE_TOO_LONG", {"days": 63}),
        ("endTime", "EMPTY_RANGE", {"days": 0}),
        ("staffLimit", "OUT_OF_RANGE", {"staff_limit": -1}),
        ("staffIds[1]", "NOT_AN_ID", {"staff_ids": ["any", "x"]}),
    ],
)
async def test_what_cannot_be_asked_is_said_by_its_field(field, code, more, world, places, refusal):
    booked = await world.book(world.salon.at(16, 10))
    if "booking_id" in more:
        booked.id = more.pop("booking_id")
    assert (await refusal(places(booked, **more))).violations == {field: code}
