"""Opening hours, availability, time off and closures."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.caller import Role
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.ids import new_id

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MONDAY, TUESDAY = 1, 2


@pytest.fixture
def world(shared_world):
    return shared_world


def shift(start, end, day=MONDAY, breaks=()):
    pauses = [pb.LocalRange(start=first, end=last) for first, last in breaks]
    return pb.DayRange(day=day, start=start, end=end, breaks=pauses)


def span(hours=1, start=NOON):
    return {"start_time": timestamp(start), "end_time": timestamp(start + timedelta(hours=hours))}


def hours_request(salon, *ranges, etag=""):
    hours = pb.OpeningHours(ranges=ranges, etag=etag)
    return api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)


def availability_request(salon, member, etag="", **parts):
    availability = pb.Availability(etag=etag, **parts)
    return api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=member.id, availability=availability)


@pytest.mark.covers("C5")
async def test_hours_are_kept_as_written(world):
    salon = await world.salon()
    ranges = [shift("09:00", "12:00"), shift("16:00", "27:00", breaks=[("19:00", "19:30")])]
    made = await world.call("ReplaceOpeningHours", hours_request(salon, *ranges), world.token(salon.id))
    read = await world.call("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id))
    assert (read, list(read.ranges), read.etag) == (made, ranges, '"1"')


@pytest.mark.covers("C5")
async def test_availability_is_kept_as_written(world):
    salon = await world.salon()
    member = await world.staff(salon)
    schedules = [
        pb.WeeklySchedule(every_weeks=1, shifts=[shift("09:00", "17:00", breaks=[("12:00", "13:00")])]),
        pb.WeeklySchedule(
            effective_from="2026-06-01",
            effective_until="2026-08-31",
            every_weeks=2,
            shifts=[shift("20:00", "28:00", breaks=[("25:00", "25:30")])],
        ),
    ]
    overrides = [
        pb.DateOverride(date="2026-06-02", reason="Exam"),
        pb.DateOverride(date="2026-06-03", ranges=[pb.LocalRange(start="10:00", end="12:00")]),
    ]
    request = availability_request(salon, member, schedules=schedules, overrides=overrides)
    made = await world.call("ReplaceAvailability", request, world.token(salon.id))
    get = api.GetAvailabilityRequest(salon_id=salon.id, staff_id=member.id)
    read = await world.call("GetAvailability", get, world.token(salon.id, Role.STAFF))
    assert (read, list(read.schedules), list(read.overrides)) == (made, schedules, overrides)


async def test_lost_updates_of_hours_are_refused(world):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    for method, request in (
        ("ReplaceOpeningHours", hours_request(salon, shift("09:00", "12:00"), etag='"0"')),
        ("ReplaceAvailability", availability_request(salon, member, etag='"0"')),
    ):
        await world.call(method, request, owner)
        refusal = await world.refusal(method, request, owner)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


BAD_SHIFTS = {
    "empty": ([shift("12:00", "12:00")], {"[0].end": "EMPTY_RANGE"}),
    "backwards": ([shift("12:00", "09:00")], {"[0].end": "EMPTY_RANGE"}),
    "no time": ([shift("noon", "25:61")], {"[0].start": "NOT_A_TIME", "[0].end": "NOT_A_TIME"}),
    "starts tomorrow": ([shift("24:00", "25:00")], {"[0].start": "NOT_A_TIME"}),
    "ends in two days": ([shift("10:00", "48:01")], {"[0].end": "NOT_A_TIME"}),
    "no weekday": ([shift("09:00", "12:00", day=8)], {"[0].day": "UNKNOWN_VALUE"}),
    "overlap": (
        [shift("09:00", "12:00"), shift("09:00", "12:00", day=TUESDAY), shift("11:59", "13:00")],
        {"[2].start": "OVERLAPS"},
    ),
    "break outside": (
        [shift("09:00", "12:00", breaks=[("08:00", "10:00"), ("11:00", "12:01")])],
        {"[0].breaks[0].start": "OUTSIDE_OF_SHIFT", "[0].breaks[1].end": "OUTSIDE_OF_SHIFT"},
    ),
    "empty break": (
        [shift("09:00", "12:00", breaks=[("10:00", "10:00")])],
        {"[0].breaks[0].end": "EMPTY_RANGE"},
    ),
    "many breaks": (
        [shift("09:00", "12:00", breaks=[("10:00", "10:01")] * 9)],
        {"[0].breaks": "TOO_MANY"},
    ),
    "many": ([shift("09:00", "12:00")] * 51, {"": "TOO_MANY"}),
}


@pytest.mark.covers("C5")
async def test_bad_ranges_are_refused_by_field(world):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    hours, shifts = {}, {}
    for name, (ranges, _) in BAD_SHIFTS.items():
        refusal = await world.refusal("ReplaceOpeningHours", hours_request(salon, *ranges), owner)
        hours[name] = refusal.violations
        schedules = [pb.WeeklySchedule(), pb.WeeklySchedule(effective_from="2026-06-01", shifts=ranges)]
        request = availability_request(salon, member, schedules=schedules)
        shifts[name] = (await world.refusal("ReplaceAvailability", request, owner)).violations
    assert hours == {name: prefixed("openingHours.ranges", bad) for name, (_, bad) in BAD_SHIFTS.items()}
    assert shifts == {
        name: prefixed("availability.schedules[1].shifts", bad) for name, (_, bad) in BAD_SHIFTS.items()
    }


@pytest.mark.covers("C5")
async def test_ranges_that_touch_do_not_overlap_and_a_break_may_end_with_its_shift(world):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    ranges = [
        shift("09:00", "12:00", breaks=[("09:00", "09:30"), ("11:30", "12:00")]),
        shift("12:00", "15:00"),
    ]
    made = await world.call("ReplaceOpeningHours", hours_request(salon, *ranges), owner)
    assert list(made.ranges) == ranges
    for_a_day = pb.WeeklySchedule(
        effective_from="2026-06-01", effective_until="2026-06-01", every_weeks=1, shifts=ranges
    )
    touching = [pb.LocalRange(start="12:00", end="15:00"), pb.LocalRange(start="10:00", end="12:00")]
    override = pb.DateOverride(date="2026-06-02", ranges=touching)
    request = availability_request(salon, member, schedules=[for_a_day], overrides=[override])
    kept = await world.call("ReplaceAvailability", request, owner)
    assert (list(kept.schedules), list(kept.overrides)) == ([for_a_day], [override])


def prefixed(field, violations):
    return {f"{field}{path}": reason for path, reason in violations.items()}


def from_date(first, last="", **more):
    return pb.WeeklySchedule(effective_from=first, effective_until=last, **more)


def on_date(day, *ranges):
    return pb.DateOverride(date=day, ranges=[pb.LocalRange(start=first, end=last) for first, last in ranges])


BAD_AVAILABILITY = {
    "no such date": (
        {"schedules": [from_date("2026-02-30", "01.03.2026")]},
        {"schedules[0].effectiveFrom": "NOT_A_DATE", "schedules[0].effectiveUntil": "NOT_A_DATE"},
    ),
    "ends before it starts": (
        {"schedules": [from_date("2026-02-02", "2026-02-01")]},
        {"schedules[0].effectiveUntil": "EMPTY_RANGE"},
    ),
    "turns without a start": (
        {"schedules": [pb.WeeklySchedule(every_weeks=2)]},
        {"schedules[0].effectiveFrom": "REQUIRED"},
    ),
    "rare turns": (
        {"schedules": [from_date("2026-02-02", every_weeks=9)]},
        {"schedules[0].everyWeeks": "OUT_OF_RANGE"},
    ),
    "two that start together": (
        {"schedules": [from_date("2026-02-02"), from_date("2026-02-02")]},
        {"schedules[1].effectiveFrom": "DUPLICATE"},
    ),
    "many schedules": ({"schedules": [pb.WeeklySchedule()] * 13}, {"schedules": "TOO_MANY"}),
    "override of no date": ({"overrides": [on_date("tomorrow")]}, {"overrides[0].date": "NOT_A_DATE"}),
    "overrides of one date": (
        {"overrides": [on_date("2026-02-02"), on_date("2026-02-02")]},
        {"overrides[1].date": "DUPLICATE"},
    ),
    "override that overlaps": (
        {"overrides": [on_date("2026-02-02", ("09:00", "12:00"), ("11:00", "13:00"))]},
        {"overrides[0].ranges[1].start": "OVERLAPS"},
    ),
    "empty override range": (
        {"overrides": [on_date("2026-02-02", ("09:00", "09:00"))]},
        {"overrides[0].ranges[0].end": "EMPTY_RANGE"},
    ),
}


@pytest.mark.covers("C5")
async def test_bad_availability_is_refused_by_field(world):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    found = {}
    for name, (parts, _) in BAD_AVAILABILITY.items():
        request = availability_request(salon, member, **parts)
        found[name] = (await world.refusal("ReplaceAvailability", request, owner)).violations
    assert found == {name: prefixed("availability.", bad) for name, (_, bad) in BAD_AVAILABILITY.items()}


async def test_availability_belongs_to_staff_of_the_salon(world):
    salon, other = await world.salon(), await world.salon()
    stranger, owner = await world.staff(other), world.token(salon.id)
    ids = {"salon_id": salon.id, "staff_id": stranger.id}
    for method, request in (
        ("GetAvailability", api.GetAvailabilityRequest(**ids)),
        ("ReplaceAvailability", availability_request(salon, stranger)),
        ("CreateTimeOff", api.CreateTimeOffRequest(**ids, time_off=pb.TimeOff(**span()))),
        ("ListTimeOff", api.ListTimeOffRequest(**ids)),
    ):
        refusal = await world.refusal(method, request, owner)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "STAFF_NOT_FOUND")


class Absence:
    """How absences of one kind are written down, listed and taken back."""

    def __init__(self, name, field, message, listing, missing):
        self.name, self.field, self.message, self.listing, self.missing = (
            name, field, message, listing, missing,
        )  # fmt: skip

    def owner(self, salon, member):
        return {"salon_id": salon.id, **({"staff_id": member.id} if self.name == "TimeOff" else {})}

    def create(self, salon, member, request_id="", **fields):
        request = getattr(api, f"Create{self.name}Request")
        thing = {self.field: self.message(**fields)}
        return request(**self.owner(salon, member), **thing, request_id=request_id)

    def page(self, salon, member, **more):
        return getattr(api, f"{self.listing}Request")(**self.owner(salon, member), **more)

    def delete(self, salon, member, thing_id):
        request = getattr(api, f"Delete{self.name}Request")
        return request(**self.owner(salon, member), **{f"{self.field}_id": thing_id})


TIME_OFF = Absence("TimeOff", "time_off", pb.TimeOff, "ListTimeOff", "TIME_OFF_NOT_FOUND")
CLOSURE = Absence("Closure", "closure", pb.Closure, "ListClosures", "CLOSURE_NOT_FOUND")
ABSENCES = pytest.mark.parametrize("kind", [TIME_OFF, CLOSURE], ids=lambda kind: kind.field)


@ABSENCES
async def test_absences_are_listed_in_order_and_in_pages(world, kind):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    starts = [NOON + timedelta(days=day) for day in (3, 1, 2)]
    made = [
        await world.call(f"Create{kind.name}", kind.create(salon, member, **span(start=start)), owner)
        for start in starts
    ]
    first = await world.call(kind.listing, kind.page(salon, member, page_size=2), owner)
    rest = await world.call(
        kind.listing, kind.page(salon, member, page_size=2, page_token=first.next_page_token), owner
    )
    assert [*first.ListFields()[0][1], *rest.ListFields()[0][1]] == [made[1], made[2], made[0]]
    assert rest.next_page_token == ""


async def test_time_off_of_somebody_is_not_taken_back_as_somebody_elses(world):
    salon = await world.salon()
    member, other, owner = await world.staff(salon), await world.staff(salon), world.token(salon.id)
    made = await world.call("CreateTimeOff", TIME_OFF.create(salon, member, **span()), owner)
    refusal = await world.refusal("DeleteTimeOff", TIME_OFF.delete(salon, other, made.id), owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, TIME_OFF.missing)
    assert list((await world.call("ListTimeOff", TIME_OFF.page(salon, member), owner)).time_off) == [made]


@ABSENCES
async def test_an_absence_is_taken_back_once(world, kind):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    made = await world.call(f"Create{kind.name}", kind.create(salon, member, **span()), owner)
    await world.call(f"Delete{kind.name}", kind.delete(salon, member, made.id), owner)
    refusal = await world.refusal(f"Delete{kind.name}", kind.delete(salon, member, made.id), owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, kind.missing)
    assert not (await world.call(kind.listing, kind.page(salon, member), owner)).ListFields()


@pytest.mark.covers("C9")
@ABSENCES
async def test_an_absence_of_another_salon_is_not_there(world, kind):
    mine, theirs = await world.salon(), await world.salon()
    member = await world.staff(theirs)
    made = await world.call(
        f"Create{kind.name}", kind.create(theirs, member, **span()), world.token(theirs.id)
    )
    refusal = await world.refusal(
        f"Delete{kind.name}", kind.delete(mine, member, made.id), world.token(mine.id)
    )
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, kind.missing)
    page = await world.call(kind.listing, kind.page(theirs, member), world.token(theirs.id))
    assert list(page.ListFields()[0][1]) == [made]


@ABSENCES
async def test_an_absence_has_an_end_after_its_start_and_within_reason(world, kind):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    end = f"{'timeOff' if kind is TIME_OFF else 'closure'}.endTime"
    for hours, reason in ((0, "EMPTY_RANGE"), (-1, "EMPTY_RANGE"), (400 * 24 + 1, "RANGE_TOO_LONG")):
        refusal = await world.refusal(f"Create{kind.name}", kind.create(salon, member, **span(hours)), owner)
        assert (refusal.code, refusal.violations) == (grpc.StatusCode.INVALID_ARGUMENT, {end: reason})


@ABSENCES
async def test_the_same_key_writes_one_absence(world, kind):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id, user_id=new_id())
    request = kind.create(salon, member, request_id="once", **span())
    first = await world.call(f"Create{kind.name}", request, owner)
    assert await world.call(f"Create{kind.name}", request, owner) == first
    other = kind.create(salon, member, request_id="once", **span(2))
    assert (await world.refusal(f"Create{kind.name}", other, owner)).reason == "REQUEST_ID_REUSED"
    page = await world.call(kind.listing, kind.page(salon, member), owner)
    assert list(page.ListFields()[0][1]) == [first]
