"""GetCalendar: who does what when, how full they are, and what it costs to look."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2, calendar_service_pb2_grpc
from kursi.booking.v1 import calendar_service_pb2 as pb
from kursi_booking.usecases import read_calendar
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer

Booking = booking_pb2.Booking
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COUNTED = {"pending", "confirmed", "checked_in", "completed", "no_show"}


def moment(instant):
    return Timestamp(seconds=int(instant.timestamp()))


@pytest.fixture
def look(world):
    """`await look(start, end)`: the salon's calendar, as a member sees it."""
    stub = calendar_service_pb2_grpc.CalendarServiceStub(world.channel)

    async def looked(start, end, *staff, metadata=None, **more):
        request = pb.GetCalendarRequest(
            **{"salon_id": str(world.salon.id), **more},
            start_time=moment(start),
            end_time=moment(end),
            staff_ids=map(str, staff),
        )
        return await stub.GetCalendar(request, metadata=metadata or world.member())

    return looked


@pytest_asyncio.fixture
async def booked(world):
    """A visit of the first person's, on the 16th from ten to eleven."""
    return await world.book(world.salon.at(16, 10), staff=world.staff[0])


def column_of(calendar, staff_id):
    (column,) = [column for column in calendar.columns if column.staff_id == str(staff_id)]
    return column


def shown(column):
    return [entry.booking_id for entry in column.entries]


def spans(of):
    return [(span.start_time.seconds, span.end_time.seconds) for span in of]


@pytest.mark.covers("B13")
async def test_a_day_shows_who_works_when_and_what_is_booked(world, look, booked):
    day = world.salon.at(16, 0)
    calendar = await look(day, day + DAY)
    first, second = [column_of(calendar, staff_id) for staff_id in world.staff]
    nine, five = (int(world.salon.at(16, hour).timestamp()) for hour in (9, 17))
    assert spans(first.working) == spans(second.working) == [(nine, five)]
    (entry,) = first.entries
    assert (entry.booking_id, entry.state, entry.etag) == (booked.id, Booking.CONFIRMED, booked.etag)
    assert (entry.start_time, entry.end_time) == (booked.start_time, booked.end_time)
    assert (entry.customer_id, entry.revision) == (booked.customer_id, booked.revision)
    assert entry.service_names == booked.items[0].service_names
    assert shown(second) == []
    assert (first.utilisation.booked.seconds, first.utilisation.working.seconds) == (3_600, 8 * 3_600)
    assert (first.utilisation.basis_points, second.utilisation.basis_points) == (1_250, 0)
    assert (calendar.utilisation.booked.seconds, calendar.utilisation.basis_points) == (3_600, 625)
    assert (calendar.time_zone, calendar.stale) == ("Asia/Riyadh", False)


@pytest.mark.covers("B13")
async def test_moving_on_the_calendar_is_rescheduling_with_its_etag(world, look, booked, refusal):
    day = world.salon.at(16, 0)
    entry = column_of(await look(day, day + DAY), world.staff[0]).entries[0]
    moved_to = {"start_time": moment(world.salon.at(16, 14)), "staff_ids": [str(world.staff[1])]}
    moved = await world.act("RescheduleBooking", booked, etag=entry.etag, **moved_to)
    after = await look(day, day + DAY)
    assert shown(column_of(after, world.staff[0])) == []
    (entry_after,) = column_of(after, world.staff[1]).entries
    assert (entry_after.start_time, entry_after.etag) == (moved.start_time, moved.etag)
    late = await refusal(
        world.act("RescheduleBooking", booked, etag=entry.etag, start_time=moment(world.salon.at(16, 15)))
    )
    assert (late.code, late.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert await look(day, day + DAY) == after


@pytest.mark.covers("B13")
async def test_five_hundred_bookings_take_the_statements_of_five(
    world, look, trade, write, statements, catalog
):
    salon = trade(world.salon.id)
    visits = [salon.plain(world.salon.at(3, 9) + HOUR * hour) for hour in range(500)]
    await write(visits[:5])
    await look(visits[0].start, visits[0].start + 40 * DAY)
    asked = len(catalog.requests)
    with statements() as few:
        small = await look(visits[0].start, visits[0].start + 40 * DAY)
    await write(visits[5:])
    with statements() as many:
        large = await look(visits[0].start, visits[0].start + 40 * DAY)
    assert (len(small.columns[-1].entries), len(large.columns[-1].entries)) == (5, 500)
    assert len(few) == len(many) == 2
    assert len(catalog.requests) == asked


@pytest.mark.covers("B13")
async def test_what_overlaps_the_range_is_shown_whole_and_counted_in_part(world, look, trade, write):
    salon = trade(world.salon.id)
    ten = world.salon.at(10, 10)

    def visit(start, length):
        return salon.plain(ten + start, minutes=length / timedelta(minutes=1))

    into = visit(-HOUR, 2 * HOUR)
    out = visit(3 * HOUR, 2 * HOUR)
    for_days = visit(-3 * DAY, 4 * DAY)
    others = [visit(-HOUR, HOUR), visit(4 * HOUR, HOUR), visit(-3 * DAY, 3 * DAY), visit(-DAY, DAY)]
    await write([into, out, for_days, *others])
    calendar = await look(ten, ten + 4 * HOUR)
    column = column_of(calendar, salon.people[0].id)
    assert shown(column) == [str(one.id) for one in (for_days, into, out)]
    assert column.entries[0].end_time == moment(for_days.end)
    assert column.utilisation.booked.seconds == 4 * 3_600
    assert column.display_names == salon.people[0].names
    assert (column.utilisation.working.seconds, column.utilisation.basis_points) == (0, 0)


@pytest.mark.covers("B13")
@pytest.mark.parametrize("seed", range(5))
async def test_utilisation_is_what_counting_the_minutes_gives(world, look, trade, write, seed):
    salon = trade(world.salon.id, seed)
    people = [
        replace(person, id=staff_id) for person, staff_id in zip(salon.people, world.staff, strict=False)
    ]
    salon.people = people
    first = world.salon.at(3, 0)
    visits = salon.visits(150, first, days=4)
    await write(visits)
    chance = random.Random(seed)
    start = first + timedelta(minutes=chance.randrange(2 * 24 * 60))
    end = start + timedelta(minutes=chance.randrange(1, 2 * 24 * 60))
    minutes = [
        start + timedelta(minutes=number) for number in range(int((end - start) / timedelta(minutes=1)))
    ]
    calendar = await look(start, end, *world.staff)
    total_booked = total_working = 0
    for column in calendar.columns:
        of_this = [
            part
            for visit in visits
            if visit.state in COUNTED
            for part in visit.parts
            if str(part.staff.id) == column.staff_id
        ]
        booked = sum(any(part.start <= one < part.end for part in of_this) for one in minutes)
        working = sum(9 <= one.astimezone(world.salon.zone).hour < 17 for one in minutes)
        assert column.utilisation.booked.seconds == booked * 60
        assert column.utilisation.working.seconds == working * 60
        assert column.utilisation.basis_points == (booked * 10_000 // working if working else 0)
        total_booked, total_working = total_booked + booked, total_working + working
    assert calendar.utilisation.booked.seconds == total_booked * 60
    assert calendar.utilisation.working.seconds == total_working * 60


@pytest.mark.covers("B13")
async def test_who_helps_has_the_visit_in_their_column_too(world, look, booked, owned):
    helper = {"staff_id": str(world.staff[1]), "names": {"en": "Helper"}, "user_id": None}
    await owned(f"UPDATE booking_items SET assistants = '[{json.dumps(helper)}]'")
    day = world.salon.at(16, 0)
    calendar = await look(day, day + DAY)
    first, second = [column_of(calendar, staff_id) for staff_id in world.staff]
    assert shown(first) == shown(second) == [booked.id]
    assert [column.entries[0].assists for column in (first, second)] == [False, True]
    assert second.utilisation.basis_points == 1_250


@pytest.mark.covers("B13")
async def test_what_only_touches_the_range_is_not_shown(world, look, booked):
    around = [(9, 10), (11, 12), (9, 11), (10, 12)]
    calendars = [await look(world.salon.at(16, first), world.salon.at(16, last)) for first, last in around]
    found = [shown(column_of(calendar, world.staff[0])) for calendar in calendars]
    assert found == [[], [], [booked.id], [booked.id]]
    long = await world.book(world.salon.at(17, 10), *[world.service_id] * 3, staff=world.staff[0])
    middle = await look(world.salon.at(17, 11), world.salon.at(17, 12))
    (entry,) = column_of(middle, world.staff[0]).entries
    assert entry.start_time == long.items[1].start_time


@pytest.mark.covers("B13")
async def test_what_is_booked_in_another_salon_is_shown_there_only(world, look, booked, make_salon):
    mine, day = world.salon, world.salon.at(16, 0)
    world.salon = make_salon()
    person = world.salon.staff()
    theirs = await world.book(world.salon.at(16, 9), world.salon.service(person))
    assert {one for column in (await look(day, day + DAY)).columns for one in shown(column)} == {theirs.id}
    calendar = await look(
        day, day + DAY, salon_id=str(mine.id), metadata=bearer(world.mint.user(is_admin=True))
    )
    assert {one for column in calendar.columns for one in shown(column)} == {booked.id}


async def test_visits_that_were_called_off_are_not_shown(world, look):
    made = await world.in_each_state()
    day = world.salon.at(16, 0)
    ids = {name: booking.id for name, booking in made.items()}
    column = column_of(await look(day, day + DAY), world.staff[0])
    assert set(shown(column)) == {ids[name] for name in ids if name not in ("CANCELLED", "EXPIRED")}
    assert column.utilisation.booked.seconds == 5 * 3_600


@pytest.mark.covers("B13")
async def test_other_busy_times_are_shown_of_people_and_of_things(world, look, claim):
    chair = world.salon.resource("chair")
    await claim(world.staff[1], world.salon.at(16, 12), world.salon.at(16, 13))
    await claim(chair, world.salon.at(16, 14), world.salon.at(16, 18))
    await claim(chair, world.salon.at(17, 14), world.salon.at(17, 18))
    calendar = await look(world.salon.at(16, 0), world.salon.at(17, 0))
    (block,) = column_of(calendar, world.staff[1]).blocked
    assert (block.start_time, block.end_time) == (
        moment(world.salon.at(16, 12)),
        moment(world.salon.at(16, 13)),
    )
    assert block.cause == pb.CalendarBlock.OTHER
    ((thing, blocks),) = [(one.resource_id, one.blocked) for one in calendar.resources]
    assert (thing, len(blocks), blocks[0].start_time) == (str(chair), 1, moment(world.salon.at(16, 14)))


async def test_a_calendar_of_chosen_people_holds_nobody_else(world, look, booked):
    await world.book(world.salon.at(16, 10), staff=world.staff[1])
    day = world.salon.at(16, 0)
    calendar = await look(day, day + DAY, world.staff[1])
    assert [column.staff_id for column in calendar.columns] == [str(world.staff[1])]
    assert booked.id not in shown(calendar.columns[0])
    assert calendar.utilisation.basis_points == 1_250


async def test_somebody_else_s_staff_member_is_not_found(world, look, refusal):
    day = world.salon.at(16, 0)
    answer = await refusal(look(day, day + DAY, new_id()))
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "STAFF_NOT_FOUND")


@pytest.mark.covers("7", "B13")
async def test_only_members_of_the_salon_see_its_calendar(world, look, refusal):
    day = world.salon.at(16, 0)
    strangers = [world.customer(), bearer(world.mint.user(salons={new_id(): Role.OWNER}))]
    for metadata in strangers:
        answer = await refusal(look(day, day + DAY, metadata=metadata))
        assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    nowhere = await refusal(look(day, day + DAY, metadata=world.admin(), salon_id=str(new_id())))
    assert (nowhere.code, nowhere.reason) == (grpc.StatusCode.NOT_FOUND, "SALON_NOT_FOUND")


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (timedelta(0), "EMPTY_RANGE"),
        (-DAY, "EMPTY_RANGE"),
        (62 * DAY + timedelta(seconds=1), "RANGE_TOO_LONG"),
    ],
)
async def test_impossible_ranges_are_refused(world, look, refusal, length, reason):
    start = world.salon.at(3, 0)
    assert (await refusal(look(start, start + length))).violations == {"endTime": reason}
    assert (await look(start, start + 62 * DAY)).columns


async def test_more_than_fits_into_an_answer_is_refused(world, look, trade, write, refusal, monkeypatch):
    salon, start = trade(world.salon.id), world.salon.at(3, 9)
    await write([salon.plain(start + HOUR * hour) for hour in range(4)])
    monkeypatch.setattr(read_calendar, "MOST_ENTRIES", 3)
    answer = await refusal(look(start, start + DAY))
    assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CALENDAR_TOO_LARGE")
    assert answer.metadata["limit"] == "3"
    assert (await look(start, start + 2 * HOUR)).columns


async def test_with_the_catalog_down_the_calendar_says_how_old_its_hours_are(world, look, catalog, booked):
    day = world.salon.at(16, 0)
    before = await look(day, day + DAY)
    await catalog.stop()
    world.clock.advance(timedelta(minutes=5))
    after = await look(day, day + DAY)
    assert (after.stale, after.as_of) == (True, before.as_of)
    assert after.columns == before.columns
