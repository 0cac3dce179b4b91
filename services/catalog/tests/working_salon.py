"""A salon that works, and what booking asks about it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.api.servicer import CatalogInternalServicer
from kursi_catalog.main import platform_policy
from kursi_catalog.usecases.finding import Finding
from kursi_chassis.grpc.times import timestamp

RIYADH = ZoneInfo("Asia/Riyadh")
SUNDAY = date(2026, 6, 7)


def local(day, hour=0, minute=0, zone=RIYADH):
    return datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour, minutes=minute)


def question(salon, day=SUNDAY, days=1, zone=RIYADH, **more):
    return api.GetBookingContextRequest(
        salon_id=salon.id,
        start_time=timestamp(local(day, zone=zone)),
        end_time=timestamp(local(day + timedelta(days=days), zone=zone)),
        **more,
    )


async def ask(world, request):
    return await world.call("GetBookingContext", request, world.mint.service("booking"))


async def anew(world, settings, request):
    """The answer of a process that was never asked before."""
    finding = Finding(world.database, platform_policy(settings), world.clock)
    answer = await CatalogInternalServicer(finding, world.clock).GetBookingContext(request, None)
    return api.BookingContext.FromString(answer)


async def open_salon(world, make, start="08:00", end="22:00", **changes):
    salon = await world.salon(**changes)
    hours = pb.OpeningHours(ranges=make.every_day(start, end))
    request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
    await world.call("ReplaceOpeningHours", request, world.token(salon.id))
    return salon


async def roster(world, salon, member, *schedules, overrides=()):
    availability = pb.Availability(schedules=schedules, overrides=overrides)
    request = api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=member.id, availability=availability)
    return await world.call("ReplaceAvailability", request, world.token(salon.id))


async def a_working_salon(world, make, **changes):
    salon = await open_salon(world, make, **changes)
    member = await world.staff(salon)
    service = await world.service(salon, performers=[pb.Performer(staff_id=member.id)])
    shifts = make.every_day("09:00", "17:00", breaks=[("12:00", "13:00")])
    await roster(world, salon, member, pb.WeeklySchedule(shifts=shifts))
    return salon, service, member
