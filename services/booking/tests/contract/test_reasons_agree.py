"""Where people need different times for a service there are several ways to give it: booking and explaining name one rule."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import availability_service_pb2 as pb
from kursi.booking.v1 import availability_service_pb2_grpc as rpc
from kursi_chassis.ids import new_id

Rule = pb.SlotClosing.Rule


@pytest.fixture
def explained(closing):
    """`await explained(start, service, …)`: the rule that a customer is told."""

    async def ask(start, *services):
        return Rule.Name((await closing(start, *services)).rule)

    return ask


@pytest.fixture
def closing(world):
    """The same with its row."""

    async def ask(start, *services):
        request = pb.ExplainSlotRequest(
            salon_id=str(world.salon.id),
            service_ids=[str(service) for service in services],
            start_time=Timestamp(seconds=int(start.timestamp())),
        )
        stub = rpc.AvailabilityServiceStub(world.channel)
        return (await stub.ExplainSlot(request, metadata=world.customer(new_id()))).closing

    return ask


@pytest.fixture
def quick_and_slow(world):
    """A service that one person does in half an hour and another in an hour, each one visit a day: (service, quick, slow)."""

    def make(*, quick, slow, quick_is_first):
        hours = [quick, slow] if quick_is_first else [slow, quick]
        people = [world.salon.staff(working=working) for working in hours]
        one, other = people if quick_is_first else reversed(people)
        service = world.salon.service(
            one,
            other,
            own={one: {"duration": {"seconds": 1_800}}},
            terms={"maximum_bookings_per_staff_day": 1},
        )
        return service, one, other

    return make


def afternoons(salon):
    return [(start + 4 * 3_600, end) for start, end in salon.nine_to_five()]


@pytest.mark.covers("B3")
@pytest.mark.parametrize("quick_is_first", [True, False])
async def test_who_is_there_but_has_enough_for_the_day_says_more_than_who_is_not_there(
    world, refusal, explained, quick_and_slow, quick_is_first
):
    service, _, slow = quick_and_slow(
        quick=afternoons(world.salon), slow=world.salon.nine_to_five(), quick_is_first=quick_is_first
    )
    await world.book(world.salon.at(16, 15), service, staff=slow, metadata=world.customer(new_id()))
    refused = await refusal(world.book(world.salon.at(16, 10), service, metadata=world.customer(new_id())))
    assert (refused.reason, refused.metadata["rule"]) == ("NOT_BOOKABLE", "STAFF_DAY_FULL")
    assert await explained(world.salon.at(16, 10), service) == "STAFF_DAY_FULL"


@pytest.mark.covers("B3")
@pytest.mark.parametrize("quick_is_first", [True, False])
async def test_a_time_that_somebody_else_took_is_told_as_taken_whatever_keeps_others(
    world, refusal, explained, quick_and_slow, claim, quick_is_first
):
    hours = world.salon.nine_to_five()
    service, quick, slow = quick_and_slow(quick=hours, slow=hours, quick_is_first=quick_is_first)
    await world.book(world.salon.at(16, 15), service, staff=slow, metadata=world.customer(new_id()))
    await claim(quick, world.salon.at(16, 10), world.salon.at(16, 11))
    refused = await refusal(world.book(world.salon.at(16, 10), service, metadata=world.customer(new_id())))
    assert refused.reason == "SLOT_TAKEN"
    assert await explained(world.salon.at(16, 10), service) == "TAKEN"


@pytest.mark.covers("B3")
@pytest.mark.parametrize("quick_is_first", [True, False])
async def test_what_keeps_one_person_is_not_told_of_a_visit_that_another_persons_booking_keeps(
    world, refusal, explained, quick_and_slow, claim, quick_is_first
):
    service, quick, _ = quick_and_slow(
        quick=world.salon.nine_to_five(), slow=afternoons(world.salon), quick_is_first=quick_is_first
    )
    await claim(quick, world.salon.at(16, 10, 30), world.salon.at(16, 11))
    twice = world.book(world.salon.at(16, 10), service, service, metadata=world.customer(new_id()))
    assert (await refusal(twice)).reason == "SLOT_TAKEN"
    assert await explained(world.salon.at(16, 10), service, service) == "TAKEN"


@pytest.mark.covers("B3")
@pytest.mark.parametrize("turn", [1, -1])
async def test_of_several_services_the_one_that_nobody_performs_is_named(world, closing, turn):
    nobodys = world.salon.service()
    told = await closing(world.salon.at(16, 10), *[world.service_id, nobodys][::turn])
    assert (told.rule, told.row.id) == (pb.SlotClosing.NO_PERFORMER, str(nobodys))
