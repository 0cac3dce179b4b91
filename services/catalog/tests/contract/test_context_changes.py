"""What changes something that was made before: the answer that is kept for booking is never told again."""

import pytest
from catalogue_files import HAND_MADE, bring
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.latlng_pb2 import LatLng
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import transfer_service_pb2 as transfer
from kursi_chassis.grpc.times import timestamp
from working_salon import SUNDAY, a_working_salon, anew, ask, local, question


@pytest.fixture
def world(shared_world):
    return shared_world


class Changing:
    """A working salon, and its owner who calls."""

    def __init__(self, world, salon, service, member):
        self.world = world
        self.id = self.salon = salon.id
        self.service, self.member = service.id, member.id
        self.times = {"start_time": timestamp(local(SUNDAY, 10)), "end_time": timestamp(local(SUNDAY, 11))}

    async def call(self, request, **token):
        """The method is named as the request is."""
        method = type(request).__name__.removesuffix("Request")
        return await self.world.call(method, request, self.world.token(self.salon, **token))

    async def update_salon(self, *paths, **changes):
        is_admin = changes.get("status") == pb.Salon.SUSPENDED
        request = api.UpdateSalonRequest(
            salon=pb.Salon(id=self.salon, **changes), update_mask=FieldMask(paths=paths)
        )
        await self.call(request, is_admin=is_admin)

    async def replace_hours(self, make, **more):
        hours = pb.OpeningHours(ranges=make.every_day("08:00", "22:00"), **more)
        await self.call(api.ReplaceOpeningHoursRequest(salon_id=self.salon, opening_hours=hours))


async def a_service_archived(it, _make):
    yield
    await it.call(api.ArchiveServiceRequest(salon_id=it.salon, service_id=it.service))


async def a_service_restored(it, _make):
    await it.call(api.ArchiveServiceRequest(salon_id=it.salon, service_id=it.service))
    yield
    await it.call(api.RestoreServiceRequest(salon_id=it.salon, service_id=it.service))


async def a_service_without_performers(it, _make):
    yield
    mask = FieldMask(paths=["performers"])
    await it.call(
        api.UpdateServiceRequest(salon_id=it.salon, service=pb.Service(id=it.service), update_mask=mask)
    )


async def a_policy_of_a_service(it, _make):
    yield
    policy, mask = pb.Policy(maximum_active_bookings=2), FieldMask(paths=["maximum_active_bookings"])
    await it.call(
        api.UpdatePolicyRequest(salon_id=it.salon, service_id=it.service, policy=policy, update_mask=mask)
    )


async def a_person_archived(it, _make):
    yield
    await it.call(api.ArchiveStaffMemberRequest(salon_id=it.salon, staff_id=it.member))


async def a_person_restored(it, _make):
    await it.call(api.ArchiveStaffMemberRequest(salon_id=it.salon, staff_id=it.member))
    yield
    await it.call(api.RestoreStaffMemberRequest(salon_id=it.salon, staff_id=it.member))


async def a_resource_renamed(it, make):
    room = await it.call(api.CreateResourceRequest(salon_id=it.salon, resource=pb.Resource(kind="room")))
    yield
    renamed = pb.Resource(id=room.id, names={"en": "Blue room"})
    await it.call(api.UpdateResourceRequest(salon_id=it.salon, resource=renamed))


async def a_resource_archived(it, _make):
    room = await it.call(api.CreateResourceRequest(salon_id=it.salon, resource=pb.Resource(kind="room")))
    yield
    await it.call(api.ArchiveResourceRequest(salon_id=it.salon, resource_id=room.id))


async def a_resource_restored(it, _make):
    room = await it.call(api.CreateResourceRequest(salon_id=it.salon, resource=pb.Resource(kind="room")))
    await it.call(api.ArchiveResourceRequest(salon_id=it.salon, resource_id=room.id))
    yield
    await it.call(api.RestoreResourceRequest(salon_id=it.salon, resource_id=room.id))


async def time_off_taken_back(it, _make):
    time_off = pb.TimeOff(**it.times)
    made = await it.call(api.CreateTimeOffRequest(salon_id=it.salon, staff_id=it.member, time_off=time_off))
    yield
    await it.call(api.DeleteTimeOffRequest(salon_id=it.salon, staff_id=it.member, time_off_id=made.id))


async def a_closure_taken_back(it, _make):
    made = await it.call(api.CreateClosureRequest(salon_id=it.salon, closure=pb.Closure(**it.times)))
    yield
    await it.call(api.DeleteClosureRequest(salon_id=it.salon, closure_id=made.id))


async def seasonal_hours(it, make):
    yield
    nights = pb.SeasonalHours(season=pb.RAMADAN, ranges=make.every_day("21:00", "26:00"))
    await it.replace_hours(make, seasonal=[nights])


async def prayer_breaks(it, make):
    await it.update_salon("location", location=LatLng(latitude=24.7136, longitude=46.6753))
    yield
    breaks = pb.PrayerBreaks(
        method=pb.PrayerBreaks.UMM_AL_QURA, prayers=[pb.PrayerBreaks.DHUHR], after=make.minutes(20)
    )
    await it.replace_hours(make, prayer_breaks=breaks)


async def another_place(it, make):
    """Prayers are at other times there."""
    await anext(prayers := prayer_breaks(it, make))
    await anext(prayers, None)
    yield
    await it.update_salon("location", location=LatLng(latitude=21.4858, longitude=39.1925))


async def another_zone(it, _make):
    yield
    await it.update_salon("time_zone", time_zone="Europe/Berlin")


async def another_slug(it, make):
    yield
    await it.update_salon("slug", slug=f"rose-{make.id()}")


async def a_suspended_salon(it, _make):
    yield
    await it.update_salon("status", status=pb.Salon.SUSPENDED)


async def an_archived_salon(it, _make):
    yield
    await it.call(api.ArchiveSalonRequest(salon_id=it.salon))


async def a_restored_salon(it, _make):
    await it.call(api.ArchiveSalonRequest(salon_id=it.salon))
    yield
    await it.call(api.RestoreSalonRequest(salon_id=it.salon))


async def a_file_brought_in(it, _make):
    yield
    report = await bring(it.world, it, HAND_MADE, transfer.CSV)
    assert report.applied


@pytest.mark.covers("C11")
@pytest.mark.parametrize(
    "change",
    [
        a_service_archived,
        a_service_restored,
        a_service_without_performers,
        a_policy_of_a_service,
        a_person_archived,
        a_person_restored,
        a_resource_renamed,
        a_resource_archived,
        a_resource_restored,
        time_off_taken_back,
        a_closure_taken_back,
        seasonal_hours,
        prayer_breaks,
        another_place,
        another_zone,
        another_slug,
        a_suspended_salon,
        an_archived_salon,
        a_restored_salon,
        a_file_brought_in,
    ],
)
async def test_what_was_kept_is_not_told_after_a_change(world, make, settings, change):
    """Each does in two steps what comes before the answer and what changes it."""
    salon, service, member = await a_working_salon(world, make)
    steps = change(Changing(world, salon, service, member), make)
    await anext(steps)
    before = await ask(world, question(salon))
    await anext(steps, None)
    after = await ask(world, question(salon))
    assert after.version > before.version
    assert after == await anew(world, settings, question(salon))
