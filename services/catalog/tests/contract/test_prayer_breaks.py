"""Breaks at prayer times and the hours of Ramadan, from what a salon writes down to what booking is told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import grpc
import pytest
from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.grpc.times import duration, timestamp

RIYADH = latlng_pb2.LatLng(latitude=24.7136, longitude=46.6753)
ZONE = ZoneInfo("Asia/Riyadh")
IN_RAMADAN = datetime(2026, 3, 2, tzinfo=ZONE)
AFTERWARDS = datetime(2026, 4, 6, tzinfo=ZONE)


@pytest.fixture
def world(shared_world):
    return shared_world


def minutes(number):
    return duration(timedelta(minutes=number))


def breaks(**changes):
    usual = {
        "prayers": [pb.PrayerBreaks.DHUHR, pb.PrayerBreaks.ASR],
        "before": minutes(5),
        "after": minutes(25),
    }
    return pb.PrayerBreaks(**{**usual, **changes})


def ramadan(*ranges):
    return pb.SeasonalHours(season=pb.RAMADAN, ranges=ranges)


async def replace(world, salon, **hours):
    request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=pb.OpeningHours(**hours))
    return await world.call("ReplaceOpeningHours", request, world.token(salon.id))


async def refusal(world, salon, **hours):
    request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=pb.OpeningHours(**hours))
    return await world.refusal("ReplaceOpeningHours", request, world.token(salon.id))


async def working(world, salon, day):
    """When the first worker works on a local day."""
    request = api.GetBookingContextRequest(
        salon_id=salon.id,
        start_time=timestamp(day.astimezone(UTC)),
        end_time=timestamp((day + timedelta(days=1)).astimezone(UTC)),
    )
    context = await world.call("GetBookingContext", request, world.mint.service("booking"))
    return [
        f"{datetime.fromtimestamp(one.start_seconds, ZONE):%H:%M}-{datetime.fromtimestamp(one.end_seconds, ZONE):%H:%M}"
        for one in context.workers[0].working
    ]


async def a_salon_at_work(world, make, schedules):
    salon = await world.salon(location=RIYADH)
    member = await world.staff(salon)
    await world.service(salon, performers=[pb.Performer(staff_id=member.id)])
    availability = pb.Availability(schedules=schedules)
    request = api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=member.id, availability=availability)
    await world.call("ReplaceAvailability", request, world.token(salon.id))
    return salon


@pytest.mark.covers("C5")
async def test_seasons_and_prayer_breaks_are_kept_as_written(world, make):
    salon = await world.salon(location=RIYADH)
    hours = {
        "ranges": make.every_day(),
        "seasonal": [ramadan(*make.every_day("13:00", "27:00"))],
        "prayer_breaks": breaks(
            method=pb.PrayerBreaks.EGYPTIAN,
            hanafi_asr=True,
            high_latitudes=pb.PrayerBreaks.SEVENTH_OF_THE_NIGHT,
        ),
    }
    made = await replace(world, salon, **hours)
    read = await world.call("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id))
    assert read == made == pb.OpeningHours(salon_id=salon.id, etag=made.etag, **hours)
    without = await replace(world, salon, ranges=make.every_day())
    assert (len(without.seasonal), without.HasField("prayer_breaks")) == (0, False)


@pytest.mark.covers("C5")
async def test_nobody_works_at_prayer_times(world, make):
    salon = await a_salon_at_work(world, make, [pb.WeeklySchedule(shifts=make.every_day())])
    await replace(world, salon, ranges=make.every_day("08:00", "22:00"))
    assert await working(world, salon, AFTERWARDS) == ["09:00-17:00"]
    await replace(world, salon, ranges=make.every_day("08:00", "22:00"), prayer_breaks=breaks())
    # Dhuhr is at 11:56 in Riyadh on that day, asr at 15:25.
    assert await working(world, salon, AFTERWARDS) == ["09:00-11:51", "12:21-15:20", "15:50-17:00"]


@pytest.mark.covers("C5")
async def test_ramadan_has_hours_and_shifts_of_its_own(world, make):
    schedules = [
        pb.WeeklySchedule(effective_from="2026-01-01", shifts=make.every_day()),
        pb.WeeklySchedule(season=pb.RAMADAN, shifts=make.every_day("20:00", "26:00")),
    ]
    salon = await a_salon_at_work(world, make, schedules)
    await replace(
        world,
        salon,
        ranges=make.every_day("08:00", "22:00"),
        seasonal=[ramadan(*make.every_day("21:00", "27:00"))],
    )
    assert await working(world, salon, IN_RAMADAN) == ["00:00-02:00", "21:00-00:00"]
    assert await working(world, salon, AFTERWARDS) == ["09:00-17:00"]
    await replace(world, salon, ranges=make.every_day("08:00", "22:00"), seasonal=[ramadan()])
    assert await working(world, salon, IN_RAMADAN) == []


@pytest.mark.covers("C5")
async def test_a_salon_without_a_location_has_no_prayer_breaks(world, make):
    salon = await world.salon()
    refused = await refusal(world, salon, prayer_breaks=breaks())
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LOCATION_REQUIRED")
    read = await world.call("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id))
    assert read == pb.OpeningHours(salon_id=salon.id, etag=read.etag)


@pytest.mark.covers("C5")
async def test_a_location_stays_while_prayer_breaks_need_it(world):
    salon = await world.salon(location=RIYADH)
    await replace(world, salon, prayer_breaks=breaks())
    request = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id), update_mask={"paths": ["location"]})
    refused = await world.refusal("UpdateSalon", request, world.token(salon.id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LOCATION_IN_USE")
    await replace(world, salon)
    updated = await world.call("UpdateSalon", request, world.token(salon.id))
    assert not updated.HasField("location")


PRAYERS = "openingHours.prayerBreaks"
BAD = {
    "no prayer": ({"prayer_breaks": breaks(prayers=[])}, {f"{PRAYERS}.prayers": "REQUIRED"}),
    "one twice": (
        {"prayer_breaks": breaks(prayers=[pb.PrayerBreaks.ASR] * 2)},
        {f"{PRAYERS}.prayers[1]": "DUPLICATE"},
    ),
    "unknown values": (
        {"prayer_breaks": breaks(prayers=[0, 6], method=11, high_latitudes=4)},
        {
            f"{PRAYERS}.prayers[0]": "UNKNOWN_VALUE",
            f"{PRAYERS}.prayers[1]": "UNKNOWN_VALUE",
            f"{PRAYERS}.method": "UNKNOWN_VALUE",
            f"{PRAYERS}.highLatitudes": "UNKNOWN_VALUE",
        },
    ),
    "too many": (
        {"prayer_breaks": breaks(prayers=[1, 2, 3, 4, 5, 1])},
        {f"{PRAYERS}.prayers": "TOO_MANY"},
    ),
    "lengths": (
        {"prayer_breaks": breaks(before=minutes(61), after=minutes(0))},
        {f"{PRAYERS}.before": "OUT_OF_RANGE", f"{PRAYERS}.after": "OUT_OF_RANGE"},
    ),
    "half a minute": (
        {"prayer_breaks": breaks(before=duration(timedelta(seconds=30)))},
        {f"{PRAYERS}.before": "NOT_WHOLE_MINUTES"},
    ),
    "no season": ({"seasonal": [pb.SeasonalHours()]}, {"openingHours.seasonal[0].season": "REQUIRED"}),
    "unknown season": (
        {"seasonal": [pb.SeasonalHours(season=2)]},
        {"openingHours.seasonal[0].season": "UNKNOWN_VALUE"},
    ),
    "a season twice": (
        {"seasonal": [ramadan(), ramadan()]},
        {"openingHours.seasonal[1].season": "DUPLICATE"},
    ),
    "empty range in a season": (
        {"seasonal": [ramadan(pb.DayRange(day=1, start="20:00", end="20:00"))]},
        {"openingHours.seasonal[0].ranges[0].end": "EMPTY_RANGE"},
    ),
}


@pytest.mark.covers("C5")
@pytest.mark.parametrize("name", BAD)
async def test_bad_hours_are_refused_by_field(world, name):
    hours, violations = BAD[name]
    salon = await world.salon(location=RIYADH)
    assert (await refusal(world, salon, **hours)).violations == violations


@pytest.mark.covers("C5")
async def test_a_season_of_a_schedule_is_known_and_starts_once(world):
    salon = await world.salon()
    member = await world.staff(salon)
    schedules = [
        pb.WeeklySchedule(),
        pb.WeeklySchedule(season=pb.RAMADAN),
        pb.WeeklySchedule(season=pb.RAMADAN),
        pb.WeeklySchedule(season=7, effective_from="2026-01-01"),
    ]
    owner = world.token(salon.id)

    def request(chosen):
        availability = pb.Availability(schedules=chosen)
        return api.ReplaceAvailabilityRequest(
            salon_id=salon.id, staff_id=member.id, availability=availability
        )

    twice = await world.refusal("ReplaceAvailability", request(schedules[:3]), owner)
    unknown = await world.refusal("ReplaceAvailability", request(schedules[3:]), owner)
    made = await world.call("ReplaceAvailability", request(schedules[:2]), owner)
    assert twice.violations == {"availability.schedules[2].effectiveFrom": "DUPLICATE"}
    assert unknown.violations == {"availability.schedules[0].season": "UNKNOWN_VALUE"}
    assert [one.season for one in made.schedules] == [pb.SEASON_UNSPECIFIED, pb.RAMADAN]
