"""What catalog is told of a visit before its customer may review it."""

import grpc
import pytest
from kursi.booking.v1 import booking_pb2, booking_service_pb2_grpc
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused


@pytest.fixture
def ask(world):
    stub = booking_service_pb2_grpc.BookingInternalServiceStub(world.channel)

    async def ask(booking_id, service="catalog"):
        request = pb.GetVisitRequest(booking_id=booking_id)
        return await stub.GetVisit(request, metadata=bearer(world.mint.service(service)))

    return ask


@pytest.mark.covers("C7")
async def test_catalog_learns_whose_visit_it_was_and_that_it_took_place(world, ask):
    booking = (await world.in_each_state())["COMPLETED"]
    visit = await ask(booking.id)
    assert (visit.salon_id, visit.customer_id) == (booking.salon_id, booking.customer_id)
    assert visit.state == booking_pb2.Booking.COMPLETED
    assert list(visit.service_ids) == [item.service_id for item in booking.items]
    assert list(visit.staff_ids) == list(dict.fromkeys(item.staff_id for item in booking.items))


async def test_what_is_no_booking_is_no_visit(ask):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ask(str(new_id()))
    assert refused(error.value).reason == "BOOKING_NOT_FOUND"


async def test_only_catalog_asks_for_visits(world, ask):
    booking = await world.book(world.salon.at(16, 10))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ask(booking.id, service="payment")
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
