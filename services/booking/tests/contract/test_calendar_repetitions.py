"""A calendar that was made is made once, whatever has become of the salon when its answer is asked for again."""

from datetime import timedelta

import pytest
from kursi.booking.v1 import external_calendar_service_pb2 as external_pb
from kursi.booking.v1 import external_calendar_service_pb2_grpc, ical_service_pb2_grpc
from kursi.booking.v1 import ical_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer


@pytest.fixture
def ask(world):
    """`await ask(who, method, request)`: asked by the salon's manager."""
    stubs = {
        "CreateCalendarFeed": ical_service_pb2_grpc.ICalendarServiceStub(world.channel),
        "ConnectExternalCalendar": external_calendar_service_pb2_grpc.ExternalCalendarServiceStub(
            world.channel
        ),
    }

    def call(who, request):
        method = type(request).__name__.removesuffix("Request")
        token = world.mint.user(who, salons={world.salon.id: Role.MANAGER})
        return getattr(stubs[method], method)(request, metadata=bearer(token))

    return call


@pytest.fixture
def requests(world):
    place = {"salon_id": str(world.salon.id), "staff_id": str(world.staff[0]), "request_id": "once"}
    url = "https://93.184.216.34/a.ics"
    return [
        pb.CreateCalendarFeedRequest(language="en", **place),
        external_pb.ConnectExternalCalendarRequest(url=url, **place),
    ]


async def test_a_repetition_gets_its_first_answer_though_the_salon_is_gone(
    world, ask, requests, catalog, refusal
):
    manager = new_id()
    first = [await ask(manager, request) for request in requests]
    del catalog.salons[str(world.salon.id)]
    world.clock.advance(timedelta(minutes=2))  # what is known of it is asked for anew
    others = [await refusal(ask(new_id(), request)) for request in requests]
    assert {refused.reason for refused in others} == {"SALON_NOT_FOUND"}
    assert [await ask(manager, request) for request in requests] == first
