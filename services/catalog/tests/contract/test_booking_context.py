from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import grpc
import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.domain import schedule
from kursi_catalog.queries.context import rehearse
from kursi_chassis.grpc.times import timestamp
from working_salon import RIYADH, SUNDAY, a_working_salon, anew, ask, local, question, roster


@pytest.fixture
def world(shared_world):
    return shared_world


def worked(context, member, zone=RIYADH):
    """The working time of one member as local wall times."""
    worker = next(one for one in context.workers if one.staff_member.id == member.id)
    return [
        tuple(
            datetime.fromtimestamp(bound, UTC).astimezone(zone).strftime("%d %H:%M")
            for bound in (interval.start_seconds, interval.end_seconds)
        )
        for interval in worker.working
    ]


async def test_one_call_tells_all_that_booking_needs(world, make):
    salon, service, member = await a_working_salon(world, make)
    chair = await world.resource(salon)
    patch = api.UpdatePolicyRequest(
        salon_id=salon.id,
        service_id=service.id,
        policy=pb.Policy(maximum_active_bookings=1),
    )
    await world.call("UpdatePolicy", patch, world.token(salon.id))
    context = await ask(world, question(salon))
    assert context.salon.id == salon.id
    assert [offer.service for offer in context.offers] == [service]
    assert context.offers[0].policy.maximum_active_bookings == 1
    assert context.policy.maximum_active_bookings == 5
    assert [worker.staff_member.id for worker in context.workers] == [member.id]
    assert list(context.workers[0].staff_member.service_ids) == [service.id]
    assert list(context.resources) == [chair]
    assert worked(context, member) == [("07 09:00", "07 12:00"), ("07 13:00", "07 17:00")]


@pytest.mark.covers("C5")
async def test_working_time_is_what_the_rules_resolve_to(world, make):
    """Every kind of rule at once, over a week in a zone with a clock change, equal to the pure resolution."""
    berlin = ZoneInfo("Europe/Berlin")
    salon, _, member = await a_working_salon(
        world, make, time_zone="Europe/Berlin", territory_code="DE", start="00:00", end="48:00"
    )
    night = pb.DayRange(day=7, start="20:00", end="27:00", breaks=[pb.LocalRange(start="25:00", end="25:30")])
    day = pb.DayRange(day=2, start="08:00", end="16:00")
    off = pb.DateOverride(date="2026-10-27")
    long = pb.DateOverride(date="2026-10-28", ranges=[pb.LocalRange(start="10:00", end="12:00")])
    await roster(world, salon, member, pb.WeeklySchedule(shifts=[night, day]), overrides=[off, long])
    sunday = date(2026, 10, 25)
    away = (local(sunday, 21, zone=berlin), local(sunday, 22, zone=berlin))
    closed = (local(sunday, 23, zone=berlin), local(sunday, 24, zone=berlin))
    await world.call(
        "CreateTimeOff",
        api.CreateTimeOffRequest(
            salon_id=salon.id,
            staff_id=member.id,
            time_off=pb.TimeOff(start_time=timestamp(away[0]), end_time=timestamp(away[1])),
        ),
        world.token(salon.id),
    )
    await world.call(
        "CreateClosure",
        api.CreateClosureRequest(
            salon_id=salon.id,
            closure=pb.Closure(start_time=timestamp(closed[0]), end_time=timestamp(closed[1])),
        ),
        world.token(salon.id),
    )
    context = await ask(world, question(salon, date(2026, 10, 24), days=7, zone=berlin))

    rule = schedule.UUID(member.id)
    expected = schedule.resolve(
        schedule.SalonSchedule(
            berlin,
            tuple(
                schedule.WeeklyRange(rule, weekday, schedule.LocalRange(0, 2880)) for weekday in range(1, 8)
            ),
        ),
        [
            schedule.StaffSchedule(
                rule,
                shifts=(
                    schedule.WeeklyRange(
                        rule, 7, schedule.LocalRange(1200, 1620), (schedule.LocalRange(1500, 1530),)
                    ),
                    schedule.WeeklyRange(rule, 2, schedule.LocalRange(480, 960)),
                ),
                overrides=(
                    schedule.Override(rule, date(2026, 10, 27)),
                    schedule.Override(rule, date(2026, 10, 28), (schedule.LocalRange(600, 720),)),
                ),
                time_off=tuple(
                    schedule.TimeOff(rule, (int(first.timestamp()), int(last.timestamp())))
                    for first, last in (away, closed)
                ),
            )
        ],
        local(date(2026, 10, 24), zone=berlin),
        local(date(2026, 10, 31), zone=berlin),
    )[rule]
    assert [(one.start_seconds, one.end_seconds) for one in context.workers[0].working] == list(expected)
    assert worked(context, member, berlin)[0] == ("25 20:00", "25 21:00")


async def away(world, salon, member, **span):
    absence = api.CreateTimeOffRequest(salon_id=salon.id, staff_id=member.id, time_off=pb.TimeOff(**span))
    await world.call("CreateTimeOff", absence, world.token(salon.id))


async def closed(world, salon, _, **span):
    closure = api.CreateClosureRequest(salon_id=salon.id, closure=pb.Closure(**span))
    await world.call("CreateClosure", closure, world.token(salon.id))


@pytest.mark.covers("C5")
@pytest.mark.parametrize("absent", [away, closed], ids=["time off", "closure"])
async def test_an_absence_that_reaches_over_an_edge_of_the_question_counts(world, make, absent):
    """Within it too, and to the last fraction of a second: who is away until half past one second is not back."""
    salon, _, member = await a_working_salon(world, make)
    half = timedelta(milliseconds=500)
    for start, end in (
        (local(SUNDAY, -5), local(SUNDAY, 10)),
        (local(SUNDAY, 11) - half, local(SUNDAY, 11, 30) + half),
        (local(SUNDAY, 16), local(SUNDAY, 30)),
    ):
        await absent(world, salon, member, start_time=timestamp(start), end_time=timestamp(end))
    context = await ask(world, question(salon))
    begin = int(local(SUNDAY).timestamp())
    assert [(one.start_seconds - begin, one.end_seconds - begin) for one in context.workers[0].working] == [
        (36_000, 39_599),
        (41_401, 43_200),
        (46_800, 57_600),
    ]


@pytest.mark.covers("C5")
async def test_alternate_weeks_take_turns(world, make):
    """Weeks begin on Sunday in Saudi Arabia: both schedules start in the middle of theirs."""
    salon, _, member = await a_working_salon(world, make)
    early = pb.WeeklySchedule(
        effective_from="2026-06-10", every_weeks=2, shifts=make.every_day("08:00", "12:00")
    )
    late = pb.WeeklySchedule(
        effective_from="2026-06-17", every_weeks=2, shifts=make.every_day("14:00", "20:00")
    )
    await roster(world, salon, member, early, late)
    context = await ask(world, question(salon, date(2026, 6, 20), days=3))
    assert worked(context, member) == [
        ("20 14:00", "20 20:00"),
        ("21 08:00", "21 12:00"),
        ("22 08:00", "22 12:00"),
    ]


@pytest.mark.covers("C5")
async def test_of_two_schedules_the_one_that_started_last_counts(world, make):
    salon, _, member = await a_working_salon(world, make)
    usual = pb.WeeklySchedule(shifts=make.every_day("09:00", "17:00"))
    summer = pb.WeeklySchedule(
        effective_from="2026-06-08", effective_until="2026-06-08", shifts=make.every_day("16:00", "20:00")
    )
    await roster(world, salon, member, summer, usual)
    context = await ask(world, question(salon, SUNDAY, days=3))
    assert worked(context, member) == [
        ("07 09:00", "07 17:00"),
        ("08 16:00", "08 20:00"),
        ("09 09:00", "09 17:00"),
    ]


async def test_nobody_works_in_a_salon_without_hours(world, make):
    salon = await world.salon()
    member = await world.staff(salon)
    await world.service(salon, performers=[pb.Performer(staff_id=member.id)])
    await roster(world, salon, member, pb.WeeklySchedule(shifts=make.every_day()))
    assert worked(await ask(world, question(salon)), member) == []


async def test_only_what_is_asked_for_and_can_be_booked_is_told(world, make):
    salon, service, member = await a_working_salon(world, make)
    owner = world.token(salon.id)
    other = await world.staff(salon)
    idle = await world.staff(salon)
    nails = await world.service(salon, performers=[pb.Performer(staff_id=other.id)])
    asleep = await world.service(salon, active=False, performers=[pb.Performer(staff_id=idle.id)])

    everything = await ask(world, question(salon))
    assert [offer.service.id for offer in everything.offers] == [service.id, nails.id]
    assert [worker.staff_member.id for worker in everything.workers] == [member.id, other.id]

    for_nails = await ask(world, question(salon, service_ids=[nails.id]))
    assert [offer.service.id for offer in for_nails.offers] == [nails.id]
    assert [worker.staff_member.id for worker in for_nails.workers] == [other.id]

    named = await ask(world, question(salon, service_ids=[asleep.id], staff_ids=[idle.id]))
    assert (list(named.offers), [worker.staff_member.id for worker in named.workers]) == ([], [idle.id])

    await world.call(
        "ArchiveStaffMember", api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=other.id), owner
    )
    assert list((await ask(world, question(salon, staff_ids=[other.id]))).workers) == []


async def test_what_is_named_and_not_there_is_said(world, make):
    salon, service, member = await a_working_salon(world, make)
    elsewhere = await world.salon()
    stranger = await world.staff(elsewhere)
    booking = world.mint.service("booking")
    for request, reason in (
        (question(pb.Salon(id=make.id())), "SALON_NOT_FOUND"),
        (question(salon, service_ids=[service.id, make.id()]), "SERVICE_NOT_FOUND"),
        (question(salon, staff_ids=[member.id, stranger.id]), "STAFF_NOT_FOUND"),
    ):
        refusal = await world.refusal("GetBookingContext", request, booking)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, reason)


async def test_the_range_has_an_end(world, make):
    salon = await world.salon()
    booking = world.mint.service("booking")
    await world.call("GetBookingContext", question(salon, days=64), booking)
    too_long = await world.refusal("GetBookingContext", question(salon, days=65), booking)
    assert too_long.violations == {"endTime": "RANGE_TOO_LONG"}
    empty = await world.refusal("GetBookingContext", question(salon, days=0), booking)
    assert empty.violations == {"endTime": "EMPTY_RANGE"}


@pytest.mark.covers("C11")
async def test_the_number_of_statements_does_not_grow_with_the_question(world, make, statements):
    """One worker on one day, ten workers over a month: the same statements."""
    salon, _, _ = await a_working_salon(world, make)
    with statements(world.database) as few:
        await ask(world, question(salon))
    members = [await world.staff(salon) for _ in range(9)]
    performers = [pb.Performer(staff_id=member.id) for member in members]
    for _ in range(5):
        await world.service(salon, performers=performers)
    for member in members:
        await roster(world, salon, member, pb.WeeklySchedule(shifts=make.every_day()))
    with statements(world.database) as many:
        context = await ask(world, question(salon, days=31))
    assert (len(context.workers), len(context.offers)) == (10, 6)
    assert all(len(worker.working) >= 31 for worker in context.workers)
    assert len(many) == len(few) == 5


async def test_the_answer_names_the_rules_about_days_and_how_many_people_work_at_once(world, make):
    salon, _, member = await a_working_salon(world, make)
    team = [pb.Segment(duration=make.minutes(45), needs_staff=True, staff_count=2)]
    massage = await world.service(
        salon, segments=team, performers=[pb.Performer(staff_id=member.id)], buffer_after=make.minutes(10)
    )
    limits = pb.Policy(maximum_bookings_per_day=9, start_mode=pb.Policy.GAP_FREE, latest_start="15:00")
    patch = api.UpdatePolicyRequest(salon_id=salon.id, service_id=massage.id, policy=limits)
    await world.call("UpdatePolicy", patch, world.token(salon.id))
    (offer,) = (await ask(world, question(salon, service_ids=[massage.id]))).offers
    assert [segment.staff_count for segment in offer.service.segments] == [2]
    assert (offer.policy.maximum_bookings_per_day, offer.policy.latest_start) == (9, "15:00")
    assert offer.policy.start_mode == pb.Policy.GAP_FREE


async def test_the_answer_knows_the_shortest_service_whatever_is_asked_for(world, make):
    salon, service, member = await a_working_salon(world, make)
    performers = [pb.Performer(staff_id=member.id)]
    await world.service(
        salon, duration=make.minutes(20), buffer_before=make.minutes(5), performers=performers
    )
    await world.service(salon, duration=make.minutes(5), active=False, performers=performers)
    context = await ask(world, question(salon, service_ids=[service.id]))
    assert context.shortest_service == make.minutes(25)


@pytest.mark.covers("C11")
async def test_the_shortest_service_is_one_that_a_customer_can_book_with_the_quickest_of_its_people(
    world, make
):
    salon, service, member = await a_working_salon(world, make)
    await world.service(salon, duration=make.minutes(5))
    inside = await world.staff(salon, bookable_online=False)
    await world.service(salon, duration=make.minutes(10), performers=[pb.Performer(staff_id=inside.id)])
    gone = await world.staff(salon)
    await world.service(salon, duration=make.minutes(12), performers=[pb.Performer(staff_id=gone.id)])
    leave = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=gone.id)
    await world.call("ArchiveStaffMember", leave, world.token(salon.id))
    quick = pb.Performer(staff_id=member.id, duration=make.minutes(15))
    await world.service(salon, duration=make.minutes(40), buffer_after=make.minutes(5), performers=[quick])
    context = await ask(world, question(salon, service_ids=[service.id]))
    assert context.shortest_service == make.minutes(20)


async def test_a_new_connection_rehearses_what_booking_asks(world, make, settings, statements):
    salon, _, _ = await a_working_salon(world, make)
    with statements(world.database) as asked:
        await anew(world, settings, question(salon))
    with statements(world.database) as rehearsed:
        async with world.database.snapshot() as connection:
            await rehearse(connection)
    assert rehearsed == asked
