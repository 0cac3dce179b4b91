"""Every change makes a new version of what booking keeps."""

from datetime import timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.grpc.times import duration, timestamp
from working_salon import SUNDAY, a_working_salon, anew, ask, local, question


@pytest.fixture
def world(shared_world):
    return shared_world


CHANGES = {
    "salon": lambda it: ("UpdateSalon", api.UpdateSalonRequest(salon=pb.Salon(id=it.salon, city="Jeddah"))),
    "service": lambda it: (
        "UpdateService",
        api.UpdateServiceRequest(
            salon_id=it.salon, service=pb.Service(id=it.service, buffer_after=duration(timedelta(minutes=5)))
        ),
    ),
    "staff": lambda it: (
        "UpdateStaffMember",
        api.UpdateStaffMemberRequest(
            salon_id=it.salon, staff_member=pb.StaffMember(id=it.member, color="#112233")
        ),
    ),
    "resource": lambda it: (
        "CreateResource",
        api.CreateResourceRequest(salon_id=it.salon, resource=pb.Resource(kind="room")),
    ),
    "hours": lambda it: (
        "ReplaceOpeningHours",
        api.ReplaceOpeningHoursRequest(salon_id=it.salon, opening_hours=pb.OpeningHours()),
    ),
    "availability": lambda it: (
        "ReplaceAvailability",
        api.ReplaceAvailabilityRequest(salon_id=it.salon, staff_id=it.member, availability=pb.Availability()),
    ),
    "time off": lambda it: (
        "CreateTimeOff",
        api.CreateTimeOffRequest(salon_id=it.salon, staff_id=it.member, time_off=pb.TimeOff(**it.times)),
    ),
    "closure": lambda it: (
        "CreateClosure",
        api.CreateClosureRequest(salon_id=it.salon, closure=pb.Closure(**it.times)),
    ),
    "policy": lambda it: (
        "UpdatePolicy",
        api.UpdatePolicyRequest(
            salon_id=it.salon,
            policy=pb.Policy(automatic_confirmation=False),
            update_mask=FieldMask(paths=["automatic_confirmation"]),
        ),
    ),
}


class Named:
    def __init__(self, salon, service, member):
        self.salon, self.service, self.member = salon.id, service.id, member.id
        self.times = {"start_time": timestamp(local(SUNDAY)), "end_time": timestamp(local(SUNDAY, 10))}


@pytest.mark.covers("C11")
@pytest.mark.parametrize("what", CHANGES)
async def test_every_change_makes_a_new_version(world, make, settings, what):
    salon, service, member = await a_working_salon(world, make)
    before = await ask(world, question(salon))
    assert (await ask(world, question(salon))).version == before.version
    method, request = CHANGES[what](Named(salon, service, member))
    await world.call(method, request, world.token(salon.id))
    after = await ask(world, question(salon))
    assert after.version == before.version + 1
    assert after == await anew(world, settings, question(salon))
    is_about_staff = what in ("staff", "availability", "time off")
    assert (after.workers[0].version > before.workers[0].version) == is_about_staff
    assert (after.offers[0].version > before.offers[0].version) == (what == "service")


@pytest.mark.covers("C11")
async def test_time_off_that_is_taken_back_makes_a_new_version_of_its_person(world, make):
    salon, service, member = await a_working_salon(world, make)
    named, owner = Named(salon, service, member), world.token(salon.id)
    made = await world.call(*CHANGES["time off"](named), owner)
    before = await ask(world, question(salon))
    request = api.DeleteTimeOffRequest(salon_id=salon.id, staff_id=member.id, time_off_id=made.id)
    await world.call("DeleteTimeOff", request, owner)
    after = await ask(world, question(salon))
    assert after.workers[0].version == before.workers[0].version + 1
