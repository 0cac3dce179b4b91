"""Recurring visits: the same time every few weeks, all or as many as fit."""

from datetime import timedelta

import pytest
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1.series_service_pb2 import Series
from kursi_chassis.ids import new_id
from series_calls import ROOMY, local_starts, shown, wanted

State = booking_pb2.Booking.State
WEEK = timedelta(weeks=1)


@pytest.mark.covers("B11")
async def test_a_series_books_each_visit_as_an_ordinary_booking(world, repeated):
    series = await repeated(every_weeks=2, count=3, note="The usual.")
    assert local_starts(series) == ["03-16T16:00", "03-30T16:00", "04-13T16:00"]
    assert all(visit.fits and visit.booking.series_id == series.id for visit in series.visits)
    booking = series.visits[1].booking
    assert booking == await world.get(booking)
    assert (booking.state, booking.note) == (State.CONFIRMED, "The usual.")
    assert (series.upcoming_count, series.next_start_time) == (3, series.visits[0].start_time)
    assert series == await shown(world, series)
    assert [kind for kind, _ in await world.events()] == ["created"] * 3 + ["series_created"]
    assert await world.rows("SELECT active FROM customer_counters") == [(3,)]
    assert await world.rows("SELECT count(*) FROM claims WHERE state = 'confirmed'") == [(3,)]


@pytest.mark.covers("B11")
async def test_a_series_keeps_its_time_of_day_when_the_clocks_change(world, make_salon):
    salon = make_salon("Africa/Cairo")
    person = salon.staff()
    service = salon.service(person, terms=ROOMY)
    request = wanted(world, service, salon.at(30, 16), salon_id=str(salon.id), count=6)
    series = await world.series.CreateSeries(request, metadata=world.customer())
    assert [visit.local_start[11:] for visit in series.visits] == [
        *["16:00:00+02:00"] * 4,
        *["16:00:00+03:00"] * 2,
    ]


@pytest.mark.covers("B11")
async def test_a_series_claims_rooms_and_equipment_with_each_visit(world, repeated):
    room = world.salon.resource("room")
    needs = [{"duration": {"seconds": 3_600}, "needs_staff": True, "resource_kinds": ["room"]}]
    service = world.salon.service(*world.staff, terms=ROOMY, segments=needs)
    await repeated(service=service, count=2)
    claimed = await world.rows("SELECT count(*) FROM claims WHERE resource_id = %s", room)
    assert claimed == [(2,)]
    second = await repeated(
        metadata=world.customer(new_id()),
        service=service,
        staff=world.staff[1],
        count=3,
        mode=Series.AS_MANY_AS_FIT,
    )
    # The other person is free, but the only room is not.
    assert [visit.fits for visit in second.visits] == [False, False, True]


async def test_until_a_date_that_day_included(world, repeated, refusal):
    assert local_starts(await repeated(until="2026-03-30"))[-1] == "03-30T16:00"
    for until, violation in [
        ("2026-03-22", "EMPTY_RANGE"),
        ("2026-03-01", "EMPTY_RANGE"),
        ("2027-03-16", "TOO_MANY"),
        ("soon", "MALFORMED"),
    ]:
        refused = await refusal(
            world.series.CreateSeries(repeated.request(until=until), metadata=world.customer())
        )
        assert refused.violations == {"until": violation}


@pytest.mark.parametrize(
    ("field", "value", "violation"),
    [
        ("count", 1, "OUT_OF_RANGE"),
        ("count", 53, "OUT_OF_RANGE"),
        ("every_weeks", 13, "OUT_OF_RANGE"),
        ("every_weeks", 0, "REQUIRED"),
        ("mode", 0, "REQUIRED"),
        ("mode", 9, "UNKNOWN_VALUE"),
        ("customer_id", "me", "NOT_AN_ID"),
    ],
)
async def test_a_series_that_cannot_be_is_refused_by_field(repeated, refusal, field, value, violation):
    refused = await refusal(repeated(**{field: value}))
    assert list(refused.violations.values()) == [violation]


async def test_a_series_needs_an_end(world, repeated, refusal):
    endless = repeated.request()
    endless.ClearField("end")
    refused = await refusal(world.series.CreateSeries(endless, metadata=world.customer()))
    assert refused.violations == {"count": "REQUIRED"}


@pytest.mark.covers("B11")
async def test_all_means_that_one_date_that_is_taken_keeps_all_from_being_booked(world, repeated, refusal):
    taken = world.salon.at(16, 16) + 2 * WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    refused = await refusal(repeated())
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "SERIES_DOES_NOT_FIT")
    assert refused.metadata["refused"] == "2026-03-30T13:00:00Z=SLOT_TAKEN"
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]
    assert await world.rows("SELECT count(*) FROM booking_series") == [(0,)]


@pytest.mark.covers("B11")
async def test_as_many_as_fit_leaves_out_what_does_not_with_reason_and_times_near_it(world, repeated):
    taken = world.salon.at(16, 16) + 2 * WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    series = await repeated(mode=Series.AS_MANY_AS_FIT)
    assert [visit.fits for visit in series.visits] == [True, True, False, True]
    left_out = series.visits[2]
    assert (left_out.reason, left_out.local_start) == ("SLOT_TAKEN", "2026-03-30T16:00:00+03:00")
    assert [near.ToDatetime().hour for near in left_out.alternatives] == [11, 11, 11, 11, 12]
    kept = await shown(world, series)
    assert [(visit.fits, visit.reason) for visit in kept.visits] == [
        *[(True, "")] * 2,
        (False, "SLOT_TAKEN"),
        (True, ""),
    ]
    assert await world.rows("SELECT count(*) FROM bookings WHERE series_id IS NOT NULL") == [(3,)]


async def test_dates_outside_of_the_rules_are_left_out_with_the_rule(world, repeated):
    short = world.salon.service(*world.staff, terms={**ROOMY, "maximum_ahead": {"seconds": 30 * 86_400}})
    series = await repeated(service=short, count=5, mode=Series.AS_MANY_AS_FIT)
    refused = [(visit.reason, visit.rule) for visit in series.visits if not visit.fits]
    assert set(refused) == {("NOT_BOOKABLE", "TOO_FAR_AHEAD")}
    # Members are not bound by it.
    longer = await repeated(
        metadata=world.member(), customer_id=str(new_id()), service=short, staff=world.staff[1], count=5
    )
    assert all(visit.fits for visit in longer.visits)


async def test_a_series_of_which_nothing_fits_is_refused(world, repeated, refusal):
    refused = await refusal(repeated(start=world.salon.at(16, 20), mode=Series.AS_MANY_AS_FIT))
    assert refused.reason == "SERIES_DOES_NOT_FIT"
    assert refused.metadata["count"] == "4"
    assert await world.rows("SELECT count(*) FROM booking_series") == [(0,)]


@pytest.mark.covers("B11")
async def test_each_visit_counts_against_the_customers_limit(world, repeated, refusal):
    three = world.salon.service(*world.staff, terms={**ROOMY, "maximum_active_bookings": 3})
    refused = await refusal(repeated(service=three, count=4))
    assert refused.metadata["refused"] == "2026-04-06T13:00:00Z=TOO_MANY_BOOKINGS"
    foreseen = await repeated(service=three, count=4, dry_run=True)
    assert [visit.reason for visit in foreseen.visits] == ["", "", "", "TOO_MANY_BOOKINGS"]
    series = await repeated(service=three, count=4, mode=Series.AS_MANY_AS_FIT)
    assert [visit.reason for visit in series.visits] == ["", "", "", "TOO_MANY_BOOKINGS"]
    assert (await refusal(world.book(world.salon.at(17, 9), three))).reason == "TOO_MANY_BOOKINGS"
    salon_made = await repeated(
        metadata=world.member(), customer_id=str(world.customer_id), service=three, staff=world.staff[1]
    )
    assert salon_made.upcoming_count == 4


@pytest.mark.covers("B11")
@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_is_paid_in_advance_is_not_booked_as_a_series(world, repeated, refusal, dry_run):
    prepaid = world.prepaid_service(**ROOMY)
    refused = await refusal(repeated(service=prepaid, dry_run=dry_run))
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "PREPAYMENT_REQUIRED")
    assert await world.rows("SELECT count(*) FROM bookings") == [(0,)]


@pytest.mark.covers("B11")
async def test_a_dry_run_says_which_dates_fit_and_writes_nothing(world, repeated):
    taken = world.salon.at(16, 16) + WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    answer = await repeated(dry_run=True)
    assert [(visit.fits, visit.reason) for visit in answer.visits] == [
        (True, ""),
        (False, "SLOT_TAKEN"),
        *[(True, "")] * 2,
    ]
    assert len(answer.visits[1].alternatives) == 5
    assert (answer.id, answer.visits[0].HasField("booking")) == ("", False)
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]
    assert await world.rows("SELECT count(*) FROM booking_series") == [(0,)]


@pytest.mark.covers("B11")
@pytest.mark.parametrize("mode", [Series.ALL, Series.AS_MANY_AS_FIT])
async def test_the_same_key_again_gets_the_first_answer_and_books_nothing(world, repeated, mode):
    first, second = [await repeated(mode=mode, request_id="every-monday") for _ in range(2)]
    assert first == second
    assert await world.rows("SELECT count(*) FROM bookings") == [(4,)]


async def test_another_series_under_the_same_key_is_refused(world, repeated, refusal):
    await repeated(request_id="every-monday")
    assert (await refusal(repeated(request_id="every-monday", count=5))).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"service": new_id()}, "SERVICE_NOT_FOUND"), ({"staff": new_id()}, "STAFF_NOT_FOUND")],
)
async def test_a_series_of_what_the_salon_does_not_have_is_refused(repeated, refusal, change, reason):
    assert (await refusal(repeated(**change))).reason == reason
