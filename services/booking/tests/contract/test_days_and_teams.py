"""Limits of days, latest starts, starts without gaps, services that need several people, and whose turn it is."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import psycopg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused

MARCH = tuple(int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in (3, 4))
UNLIMITED = {"maximum_active_bookings": 100}


def minutes(count):
    return {"seconds": count * 60}


def team(people, length=60):
    return [{"duration": minutes(length), "needs_staff": True, "staff_count": people}]


async def outcome(call):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        answer = refused(error)
        return answer.metadata.get("rule", answer.reason)
    return "booked"


async def starts(world, service, day=16, first=0, hours=24):
    request = pb.ListSlotsRequest(
        salon_id=str(world.salon.id),
        service_ids=[str(service)],
        start_time=Timestamp(seconds=int(world.salon.at(day, first).timestamp())),
        end_time=Timestamp(seconds=int(world.salon.at(day, first).timestamp()) + hours * 3_600),
    )
    answer = await world.stub.ListSlots(request, metadata=world.customer())
    return [slot.local_start[11:16] for slot in answer.slots]


@pytest.mark.covers("B1")
async def test_a_full_day_is_closed_until_a_visit_is_cancelled(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 2})
    first = await world.book(world.salon.at(16, 9), service)
    await world.book(world.salon.at(16, 11), world.service_id)
    assert await starts(world, service) == []
    assert await outcome(world.book(world.salon.at(16, 13), service)) == "DAY_FULL"
    assert await starts(world, service, day=17)
    await world.act("CancelBooking", first)
    assert await outcome(world.book(world.salon.at(16, 13), service)) == "booked"


@pytest.mark.covers("B1")
async def test_a_staff_member_with_enough_visits_leaves_the_day_to_others(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1})
    await world.book(world.salon.at(16, 9), service, staff=world.staff[0])
    call = world.book(world.salon.at(16, 11), service, staff=world.staff[0])
    assert await outcome(call) == "STAFF_DAY_FULL"
    other = await world.book(world.salon.at(16, 11), service)
    assert other.items[0].staff_id == str(world.staff[1])


@pytest.mark.covers("B1")
async def test_a_cancelled_visit_and_the_one_that_moves_fill_nobodys_day(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1})
    cancelled = await world.book(world.salon.at(16, 9), service, staff=world.staff[0])
    await world.act("CancelBooking", cancelled)
    booked = await world.book(world.salon.at(16, 11), service, staff=world.staff[0])
    target = world.request(world.salon.at(16, 14)).start_time
    moved = await world.act("RescheduleBooking", booked, metadata=world.customer(), start_time=target)
    assert moved.items[0].staff_id == str(world.staff[0])


@pytest.mark.covers("B1")
@pytest.mark.parametrize(
    ("limit", "rule"),
    [("maximum_bookings_per_day", "DAY_FULL"), ("maximum_bookings_per_staff_day", "STAFF_DAY_FULL")],
)
async def test_a_day_is_one_of_the_salons_calendar_not_of_utc(world, make_salon, limit, rule):
    """Its morning is the evening before in UTC, its afternoon is not."""
    world.salon = make_salon("Pacific/Auckland")
    person = world.salon.staff()
    service = world.salon.service(person, terms={**UNLIMITED, limit: 2})
    assert [await outcome(world.book(world.salon.at(16, hour), service)) for hour in (9, 14, 15)] == [
        "booked",
        "booked",
        rule,
    ]
    assert await outcome(world.book(world.salon.at(15, 14), service)) == "booked"
    assert await outcome(world.book(world.salon.at(17, 9), service)) == "booked"


@pytest.mark.covers("B1", "B4")
async def test_a_day_is_counted_by_the_rules_of_who_shows_its_times(world, make_salon, unheard_of_zone):
    world.salon = make_salon(unheard_of_zone)
    service = world.salon.service(
        world.salon.staff(),
        terms={**UNLIMITED, "maximum_bookings_per_day": 2, "maximum_bookings_per_staff_day": 2},
    )
    await world.book(world.salon.at(16, 9), service)
    assert await starts(world, service)
    await world.book(world.salon.at(16, 14), service)
    assert await starts(world, service) == []
    assert await outcome(world.book(world.salon.at(16, 15), service)) == "DAY_FULL"
    assert await outcome(world.book(world.salon.at(17, 9), service)) == "booked"


async def test_members_book_beyond_the_limits_and_what_they_book_counts(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 1})
    for_others = {"metadata": world.member(), "customer_id": str(new_id())}
    assert await outcome(world.book(world.salon.at(16, 9), service, **for_others)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 10), service, **for_others)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 11), service)) == "DAY_FULL"


async def test_a_visit_moves_within_its_own_full_day_and_not_into_another(world):
    service = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 1})
    booked = await world.book(world.salon.at(16, 9), service, staff=world.staff[0])
    await world.book(world.salon.at(17, 9), service, staff=world.staff[0])

    def move(day, hour):
        target = world.request(world.salon.at(day, hour)).start_time
        return world.act("RescheduleBooking", booked, metadata=world.customer(), start_time=target)

    assert await outcome(move(16, 14)) == "booked"
    assert await outcome(move(17, 14)) == "DAY_FULL"
    assert await outcome(move(18, 14)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 9), service)) == "booked"


@pytest.mark.covers("B1")
@pytest.mark.parametrize(
    ("limit", "booked"), [("maximum_bookings_per_day", 3), ("maximum_bookings_per_staff_day", 6)]
)
async def test_many_at_once_never_book_a_day_beyond_its_limit(world, limit, booked):
    service = world.salon.service(*world.staff, terms={limit: 3})
    # No two of the times overlap: only the limit refuses, in whatever order they come.
    calls = [
        world.book(world.salon.at(16, hour), service, metadata=world.customer(new_id()))
        for hour in range(9, 17)
    ]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert outcomes["booked"] <= booked
    assert await world.rows("SELECT count(*) FROM bookings") == [(outcomes["booked"],)]
    assert outcomes["booked"] == booked


@pytest.mark.covers("B1")
async def test_a_hold_that_expires_is_counted_no_more(world, hold):
    service = world.salon.service(*world.staff, terms={"maximum_bookings_per_day": 1})
    held = await hold()
    assert await starts(world, service) == []
    world.clock.advance(timedelta(minutes=11))
    await world.have.expire_hold(world_id(held))
    assert await starts(world, service)


@pytest.mark.covers("B1", "B7")
async def test_a_session_is_one_visit_of_who_leads_it_however_many_seats_are_taken(world, planned):
    by_day = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 2})
    by_person = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1})
    session = await planned(hour=9)
    for seats in (1, 2, 3):
        await world.join(session, seats=seats)
    loads = await world.have.store.loads(world.staff, MARCH)
    assert [(staff_id, load.minutes) for staff_id, load in loads.items()] == [(world.staff[0], 60)]
    other = await world.book(world.salon.at(16, 11), by_person)
    assert other.items[0].staff_id == str(world.staff[1])
    assert await outcome(world.book(world.salon.at(16, 13), by_person)) == "STAFF_DAY_FULL"
    assert await outcome(world.book(world.salon.at(16, 13), by_day)) == "DAY_FULL"
    await world.act("CancelBooking", other)
    assert await outcome(world.book(world.salon.at(16, 13), by_day)) == "booked"


def world_id(booking):
    return UUID(booking.id)


@pytest.mark.covers("B1")
async def test_no_visit_starts_after_the_latest_start(world):
    service = world.salon.service(*world.staff, terms={"latest_start": "15:00"})
    assert (await starts(world, service))[-1] == "15:00"
    assert await outcome(world.book(world.salon.at(16, 15, 15), service)) == "TOO_LATE_IN_DAY"
    late = world.book(world.salon.at(16, 15, 15), service, metadata=world.member(), customer_id=str(new_id()))
    assert await outcome(late) == "booked"


@pytest.mark.covers("B1")
async def test_starts_without_gaps_leave_room_for_the_shortest_service(world, claim):
    alone = world.salon.staff()
    gap_free = {"start_mode": catalog_pb2.Policy.GAP_FREE, "slot_step": minutes(30)}
    service = world.salon.service(alone, duration=120, terms=gap_free)
    world.salon.answer.shortest_service.CopyFrom(catalog_pb2.Policy(hold=minutes(60)).hold)
    await claim(alone, world.salon.at(16, 13), world.salon.at(16, 17))
    assert await starts(world, service) == ["09:00", "10:00", "11:00"]
    assert await outcome(world.book(world.salon.at(16, 9, 30), service)) == "LEAVES_GAP"


@pytest.mark.covers("B1", "B4")
async def test_starts_without_gaps_are_those_of_the_whole_stretch_whoever_asks(world, claim):
    alone = world.salon.staff()
    gap_free = {"start_mode": catalog_pb2.Policy.GAP_FREE, "slot_step": minutes(60)}
    service = world.salon.service(alone, duration=60, terms=gap_free)
    await claim(alone, world.salon.at(16, 9), world.salon.at(16, 10, 7))
    await claim(alone, world.salon.at(16, 15, 7), world.salon.at(16, 17))
    assert await starts(world, service) == ["10:07", "11:07", "12:07", "13:07", "14:07"]
    assert await starts(world, service, first=12, hours=1) == ["12:07"]
    assert await outcome(world.book(world.salon.at(16, 12), service)) == "LEAVES_GAP"
    assert await outcome(world.book(world.salon.at(16, 12, 7), service)) == "booked"


@pytest.mark.covers("B1", "1")
async def test_a_service_for_two_keeps_two_people_and_the_chosen_one_leads(world):
    third = world.salon.staff()
    massage = world.salon.service(*world.staff, third, segments=team(2))
    booked = await world.book(world.salon.at(16, 9), massage, staff=third)
    (item,) = booked.items
    assert item.staff_id == str(third)
    assert {one.staff_id for one in item.assistants} < {str(one) for one in world.staff}
    assert await world.rows("SELECT count(*), count(DISTINCT resource_id) FROM claims") == [(2, 2)]
    assert await outcome(world.book(world.salon.at(16, 9), massage)) == "SLOT_TAKEN"
    assert (await world.get(booked)).items == booked.items
    (told,) = [event for _, event in await world.events()]
    assert [one.staff_id for one in told.items[0].assistants] == [one.staff_id for one in item.assistants]
    pair = [UUID(item.staff_id), UUID(item.assistants[0].staff_id)]
    loads = await world.have.store.loads([*world.staff, third], MARCH)
    assert {staff_id: load.minutes for staff_id, load in loads.items()} == dict.fromkeys(pair, 60)


@pytest.mark.covers("B1")
async def test_who_helps_has_a_visit_and_the_salon_has_one_for_both(world):
    massage = world.salon.service(*world.staff, segments=team(2))
    await world.book(world.salon.at(16, 9), massage)
    by_person = world.salon.service(*world.staff, terms={"maximum_bookings_per_staff_day": 1})
    by_day = world.salon.service(*world.staff, terms={**UNLIMITED, "maximum_bookings_per_day": 2})
    for one in world.staff:
        assert await outcome(world.book(world.salon.at(16, 11), by_person, staff=one)) == "STAFF_DAY_FULL"
    assert await outcome(world.book(world.salon.at(16, 11), by_day)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 13), by_day)) == "DAY_FULL"


@pytest.mark.covers("B1")
async def test_who_has_enough_for_the_day_does_not_help_whoever_was_asked_for(world):
    one, other = world.staff
    massage = world.salon.service(
        one, other, segments=team(2), terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1}
    )
    assert await outcome(world.book(world.salon.at(16, 9), staff=other)) == "booked"
    assert await outcome(world.book(world.salon.at(16, 11), massage, staff=one)) == "STAFF_DAY_FULL"
    assert await outcome(world.book(world.salon.at(17, 11), massage, staff=one)) == "booked"


@pytest.mark.covers("B1", "B4")
async def test_the_day_of_somebody_who_need_not_be_there_may_be_full(world):
    world.salon.resource("sunbed")
    needs = [{"duration": minutes(30), "resource_kinds": ["sunbed"]}]
    tan = world.salon.service(
        world.staff[0], segments=needs, terms={**UNLIMITED, "maximum_bookings_per_staff_day": 1}
    )
    assert await outcome(world.book(world.salon.at(16, 9), staff=world.staff[0])) == "booked"
    assert "10:00" in await starts(world, tan)
    assert await outcome(world.book(world.salon.at(16, 10), tan)) == "booked"


@pytest.mark.covers("B1", "B4")
async def test_a_service_of_nobody_is_not_sold_though_only_things_are_busy(world):
    world.salon.resource("sunbed")
    needs = [{"duration": minutes(30), "resource_kinds": ["sunbed"]}]
    nobodys, offline = (
        world.salon.service(*people, segments=needs) for people in ((), (world.salon.staff(online=False),))
    )
    assert [await starts(world, service) for service in (nobodys, offline)] == [[], []]
    at_ten = [world.book(world.salon.at(16, 10), service) for service in (nobodys, offline)]
    assert [await outcome(call) for call in at_ten] == ["NO_PERFORMER", "NO_PERFORMER"]
    by_salon = {"metadata": world.member(), "customer_id": str(world.customer_id)}
    assert await outcome(world.book(world.salon.at(16, 10), offline, **by_salon)) == "booked"


@pytest.mark.covers("B6", "1")
async def test_pairs_with_rooms_on_one_hot_day_do_not_wait_in_a_circle(world):
    people = (*world.staff, world.salon.staff(), world.salon.staff())
    for _ in range(2):
        world.salon.resource("room")
    needs = [{**team(2)[0], "resource_kinds": ["room"]}]
    service = world.salon.service(*people, terms=UNLIMITED, segments=needs)
    times = [world.salon.at(16, 9 + number % 7, number % 4 * 15) for number in range(20)]
    calls = [world.book(start, service, metadata=world.customer(new_id())) for start in times]
    outcomes = Counter(await asyncio.gather(*map(outcome, calls)))
    assert set(outcomes) == {"booked", "SLOT_TAKEN"}
    assert await world.rows("SELECT count(*) FROM claims") == [(3 * outcomes["booked"],)]


@pytest.mark.covers("B7")
async def test_a_visit_by_somebody_chosen_counts_in_whose_turn_it_is_and_a_cancelled_one_does_not(world):
    chosen = await world.book(world.salon.at(16, 9), staff=world.staff[0])
    assert (await world.book(world.salon.at(17, 9))).items[0].staff_id == str(world.staff[1])
    await world.act("CancelBooking", chosen)
    assert (await world.book(world.salon.at(18, 9))).items[0].staff_id == str(world.staff[0])


async def bookings_by_staff(world):
    rows = await world.rows("SELECT staff_id, count(*) FROM booking_items GROUP BY staff_id")
    return dict(rows)


@pytest.mark.covers("B7")
async def test_forty_at_once_are_shared_fairly_among_three_and_all_are_booked(world, monkeypatch):
    # All get their turn here, however long a slow machine takes for that.
    monkeypatch.setattr("kursi_booking.store.bookings._PATIENCE", 60)
    people = (*world.staff, world.salon.staff())
    service = world.salon.service(*people)
    times = [world.salon.at(day, hour) for day in range(16, 21) for hour in range(9, 17)]
    calls = [world.book(start, service, metadata=world.customer(new_id())) for start in times]
    assert Counter(await asyncio.gather(*map(outcome, calls))) == {"booked": 40}
    shares = await bookings_by_staff(world)
    assert all(abs(shares[one] - 40 / 3) <= 4 / 3 for one in people)


@pytest.mark.covers("B6", "B7")
async def test_as_many_as_there_are_people_get_one_time_though_all_would_have_the_same_person(world):
    """Whoever has the fewest visits is everybody's first choice; who loses her asks the next, down to the last."""
    people = [world.salon.staff() for _ in range(8)]
    service = world.salon.service(*people, terms=UNLIMITED)
    for visits, person in enumerate(people):
        for hour in range(visits):
            await world.book(world.salon.at(17, 9 + hour), service, staff=person)
    calls = [world.book(world.salon.at(16, 10), service, metadata=world.customer(new_id())) for _ in people]
    assert Counter(await asyncio.gather(*map(outcome, calls))) == {"booked": 8}


@pytest.mark.covers("B7")
async def test_a_part_timer_gets_half_and_a_time_off_is_not_caught_up_with(world):
    def present(share, first=0):
        days = world.salon.nine_to_five()
        return [(start, start + int((end - start) * share)) for start, end in days[first:]]

    part_timer, away = world.salon.staff(working=present(0.5)), world.salon.staff(working=present(1, 17))
    service = world.salon.service(world.staff[0], part_timer, away, duration=15)
    for number in range(30):
        day, quarter = 18 + number % 5, number // 5
        start = world.salon.at(day, 9 + quarter // 4, quarter % 4 * 15)
        await world.book(start, service, metadata=world.customer(new_id()))
    shares = await bookings_by_staff(world)
    assert shares[part_timer] == pytest.approx(shares[world.staff[0]] / 2, abs=2)
    assert shares[away] < shares[world.staff[0]]


async def after_another_process(world, database_urls, meanwhile):
    """A visit at nine by anybody, asked for before what another process does `meanwhile` and chosen after it."""
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    async with await psycopg.AsyncConnection.connect(database_urls.superuser, autocommit=True) as connection:
        await connection.execute("ALTER FUNCTION choose_alone SET lock_timeout = 0")  # however slow it is
    async with world.database.transaction() as other:
        await other.execute("SELECT choose_alone(%s)", [str(world.salon.id)])
        choosing = asyncio.create_task(world.book(world.salon.at(16, 9)))
        await eventually(lambda: world.rows(waiting))
        await meanwhile
    return await choosing


@pytest.mark.covers("B7")
async def test_who_chooses_has_before_them_what_another_process_has_just_chosen(world, database_urls):
    first, second = sorted(world.staff)
    visit = world.book(world.salon.at(16, 12), staff=first, metadata=world.customer(new_id()))
    chosen = await after_another_process(world, database_urls, visit)
    assert chosen.items[0].staff_id == str(second)


@pytest.mark.covers("B6", "B7")
async def test_who_loses_their_choice_to_another_process_gets_the_next_one(world, database_urls):
    first, second = world.staff
    for hour in (9, 10):
        await world.book(world.salon.at(17, hour), staff=second, metadata=world.customer(new_id()))
    visit = world.book(world.salon.at(16, 9), staff=first, metadata=world.customer(new_id()))
    chosen = await after_another_process(world, database_urls, visit)
    assert chosen.items[0].staff_id == str(second)


async def test_who_cannot_be_alone_in_time_chooses_all_the_same(world):
    place = str(world.salon.id)
    async with world.database.transaction() as other:
        await other.execute("SELECT choose_alone(%s)", [place])
        assert await outcome(world.book(world.salon.at(16, 9))) == "booked"
