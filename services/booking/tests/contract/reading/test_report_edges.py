"""What reaches over the edges of a report's range."""

from dataclasses import replace

import pytest
from kursi.booking.v1 import report_service_pb2 as pb
from kursi.booking.v1 import report_service_pb2_grpc
from kursi_chassis.caller import Role
from kursi_chassis.testing.rpc import bearer


@pytest.fixture
def booked_seconds(world):
    """`await booked_seconds("2026-03-16")`: what the utilisation of that day counts as booked."""
    stub = report_service_pb2_grpc.ReportServiceStub(world.channel)

    async def asked(day):
        request = pb.GetReportRequest(
            salon_id=str(world.salon.id), name="utilisation", first_date=day, last_date=day
        )
        manager = bearer(world.mint.user(salons={world.salon.id: Role.MANAGER}))
        ((row,)) = (await stub.GetReport(request, metadata=manager)).rows
        return row.values[0]

    return asked


@pytest.mark.covers("B17")
@pytest.mark.parametrize("hours", [2, 40])
async def test_a_visit_over_midnight_is_booked_time_of_each_of_its_days(
    world, booked_seconds, trade, write, hours
):
    ours = trade(world.salon.id)
    ours.people = [replace(ours.people[0], id=world.staff[0])]
    await write([ours.plain(world.salon.at(15, 23), minutes=60 * hours)])
    assert await booked_seconds("2026-03-15") == 3_600
    assert await booked_seconds("2026-03-16") == 3_600 * min(hours - 1, 24)
    assert await booked_seconds("2026-03-17") == 3_600 * max(hours - 25, 0)
