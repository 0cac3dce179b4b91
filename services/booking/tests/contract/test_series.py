"""Recurring visits: the same time every few weeks, all or as many as fit, taken back together."""

from datetime import timedelta

import pytest
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as booking_pb
from kursi.booking.v1 import series_service_pb2 as pb
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.domain.payment import payment_captured
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id

Series = pb.Series
State = booking_pb2.Booking.State
WEEK = timedelta(weeks=1)
ROOMY = {"maximum_active_bookings": 100, "maximum_ahead": {"seconds": 365 * 86_400}}


@pytest.fixture
def service(world):
    return world.salon.service(*world.staff, terms=ROOMY)


@pytest.fixture
def ask(world, service):
    """`ask(count=4)`: visits by the first staff member on Mondays at four."""

    def request(start=None, staff=None, **more):
        chosen = more.pop("service", service)
        usual = {"every_weeks": 1, "mode": Series.ALL}
        ends = {} if "until" in more or "count" in more else {"count": 4}
        return pb.CreateSeriesRequest(
            salon_id=str(world.salon.id),
            start_time=world.request(start or world.salon.at(16, 16)).start_time,
            items=[booking_pb.WantedItem(service_id=str(chosen), staff_id=str(staff or world.staff[0]))],
            **{**usual, **ends, **more},
        )

    return request


@pytest.fixture
def made(world, ask):
    async def create(metadata=None, **more):
        return await world.series.CreateSeries(ask(**more), metadata=metadata or world.customer())

    return create


def shown(world, series, metadata=None):
    request = pb.GetSeriesRequest(series_id=series.id)
    return world.series.GetSeries(request, metadata=metadata or world.customer())


def cancel(world, series, metadata=None, **more):
    request = pb.CancelSeriesRequest(series_id=series.id, **more)
    return world.series.CancelSeries(request, metadata=metadata or world.customer())


async def states(world, series):
    return [visit.booking.state for visit in (await shown(world, series)).visits]


def local_starts(series):
    return [visit.local_start[5:16] for visit in series.visits]


@pytest.mark.covers("B11")
async def test_a_series_books_each_visit_as_an_ordinary_booking(world, made):
    series = await made(every_weeks=2, count=3, note="The usual.")
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
    request = pb.CreateSeriesRequest(
        salon_id=str(salon.id),
        start_time=world.request(salon.at(30, 16)).start_time,
        items=[booking_pb.WantedItem(service_id=str(service))],
        every_weeks=1,
        count=6,
        mode=Series.ALL,
    )
    series = await world.series.CreateSeries(request, metadata=world.customer())
    assert [visit.local_start[11:] for visit in series.visits] == [
        *["16:00:00+02:00"] * 4,
        *["16:00:00+03:00"] * 2,
    ]


@pytest.mark.covers("B11")
async def test_a_series_claims_rooms_and_equipment_with_each_visit(world, made):
    room = world.salon.resource("room")
    needs = [{"duration": {"seconds": 3_600}, "needs_staff": True, "resource_kinds": ["room"]}]
    service = world.salon.service(*world.staff, terms=ROOMY, segments=needs)
    await made(service=service, count=2)
    claimed = await world.rows("SELECT count(*) FROM claims WHERE resource_id = %s", room)
    assert claimed == [(2,)]
    second = await made(
        metadata=world.customer(new_id()),
        service=service,
        staff=world.staff[1],
        count=3,
        mode=Series.AS_MANY_AS_FIT,
    )
    # The other person is free, but the only room is not.
    assert [visit.fits for visit in second.visits] == [False, False, True]


async def test_until_a_date_that_day_included(world, made, ask, refusal):
    assert local_starts(await made(until="2026-03-30"))[-1] == "03-30T16:00"
    for until, violation in [
        ("2026-03-22", "EMPTY_RANGE"),
        ("2026-03-01", "EMPTY_RANGE"),
        ("2027-03-16", "TOO_MANY"),
        ("soon", "MALFORMED"),
    ]:
        refused = await refusal(world.series.CreateSeries(ask(until=until), metadata=world.customer()))
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
async def test_a_series_that_cannot_be_is_refused_by_field(made, refusal, field, value, violation):
    refused = await refusal(made(**{field: value}))
    assert list(refused.violations.values()) == [violation]


async def test_a_series_needs_an_end(world, ask, refusal):
    endless = ask()
    endless.ClearField("end")
    refused = await refusal(world.series.CreateSeries(endless, metadata=world.customer()))
    assert refused.violations == {"count": "REQUIRED"}


@pytest.mark.covers("B11")
async def test_all_means_that_one_date_that_is_taken_keeps_all_from_being_booked(world, made, refusal):
    taken = world.salon.at(16, 16) + 2 * WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    refused = await refusal(made())
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "SERIES_DOES_NOT_FIT")
    assert refused.metadata["refused"] == "2026-03-30T13:00:00Z=SLOT_TAKEN"
    assert await world.rows("SELECT count(*) FROM bookings") == [(1,)]
    assert await world.rows("SELECT count(*) FROM booking_series") == [(0,)]


@pytest.mark.covers("B11")
async def test_as_many_as_fit_leaves_out_what_does_not_with_reason_and_times_near_it(world, made):
    taken = world.salon.at(16, 16) + 2 * WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    series = await made(mode=Series.AS_MANY_AS_FIT)
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


async def test_dates_outside_of_the_rules_are_left_out_with_the_rule(world, made):
    short = world.salon.service(*world.staff, terms={**ROOMY, "maximum_ahead": {"seconds": 30 * 86_400}})
    series = await made(service=short, count=5, mode=Series.AS_MANY_AS_FIT)
    refused = [(visit.reason, visit.rule) for visit in series.visits if not visit.fits]
    assert set(refused) == {("NOT_BOOKABLE", "TOO_FAR_AHEAD")}
    # Members are not bound by it.
    longer = await made(
        metadata=world.member(), customer_id=str(new_id()), service=short, staff=world.staff[1], count=5
    )
    assert all(visit.fits for visit in longer.visits)


async def test_a_series_of_which_nothing_fits_is_refused(world, made, refusal):
    refused = await refusal(made(start=world.salon.at(16, 20), mode=Series.AS_MANY_AS_FIT))
    assert refused.reason == "SERIES_DOES_NOT_FIT"
    assert refused.metadata["count"] == "4"
    assert await world.rows("SELECT count(*) FROM booking_series") == [(0,)]


@pytest.mark.covers("B11")
async def test_each_visit_counts_against_the_customers_limit(world, made, refusal):
    three = world.salon.service(*world.staff, terms={**ROOMY, "maximum_active_bookings": 3})
    refused = await refusal(made(service=three, count=4))
    assert refused.metadata["refused"] == "2026-04-06T13:00:00Z=TOO_MANY_BOOKINGS"
    foreseen = await made(service=three, count=4, dry_run=True)
    assert [visit.reason for visit in foreseen.visits] == ["", "", "", "TOO_MANY_BOOKINGS"]
    series = await made(service=three, count=4, mode=Series.AS_MANY_AS_FIT)
    assert [visit.reason for visit in series.visits] == ["", "", "", "TOO_MANY_BOOKINGS"]
    assert (await refusal(world.book(world.salon.at(17, 9), three))).reason == "TOO_MANY_BOOKINGS"
    salon_made = await made(
        metadata=world.member(), customer_id=str(world.customer_id), service=three, staff=world.staff[1]
    )
    assert salon_made.upcoming_count == 4


@pytest.mark.covers("B11")
@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_is_paid_in_advance_is_not_booked_as_a_series(world, made, refusal, dry_run):
    prepaid = world.prepaid_service(**ROOMY)
    refused = await refusal(made(service=prepaid, dry_run=dry_run))
    assert (refused.code.name, refused.reason) == ("FAILED_PRECONDITION", "PREPAYMENT_REQUIRED")
    assert await world.rows("SELECT count(*) FROM bookings") == [(0,)]


@pytest.mark.covers("B11")
async def test_a_dry_run_says_which_dates_fit_and_writes_nothing(world, made):
    taken = world.salon.at(16, 16) + WEEK
    await world.book(taken, staff=world.staff[0], metadata=world.customer(new_id()))
    answer = await made(dry_run=True)
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
async def test_the_same_key_again_gets_the_first_answer_and_books_nothing(world, made, mode):
    first, second = [await made(mode=mode, request_id="every-monday") for _ in range(2)]
    assert first == second
    assert await world.rows("SELECT count(*) FROM bookings") == [(4,)]


async def test_another_series_under_the_same_key_is_refused(world, made, refusal):
    await made(request_id="every-monday")
    assert (await refusal(made(request_id="every-monday", count=5))).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"service": new_id()}, "SERVICE_NOT_FOUND"), ({"staff": new_id()}, "STAFF_NOT_FOUND")],
)
async def test_a_series_of_what_the_salon_does_not_have_is_refused(made, refusal, change, reason):
    assert (await refusal(made(**change))).reason == reason


@pytest.mark.covers("7")
async def test_a_series_is_its_customers_and_its_salons_business_only(world, made, refusal):
    series = await made()
    elsewhere = (("authorization", f"Bearer {world.mint.user(new_id(), salons={new_id(): Role.OWNER})}"),)
    for stranger in (world.customer(new_id()), elsewhere):
        assert (await refusal(shown(world, series, stranger))).reason == "SERIES_NOT_FOUND"
        assert (await refusal(cancel(world, series, stranger))).reason == "SERIES_NOT_FOUND"
    assert (await shown(world, series, world.member())).upcoming_count == 4
    assert (await refusal(shown(world, Series(id=str(new_id()))))).reason == "SERIES_NOT_FOUND"
    other = made(metadata=world.customer(new_id()), customer_id=str(world.customer_id))
    assert (await refusal(other)).code.name == "PERMISSION_DENIED"


async def test_a_visit_of_a_series_moves_and_is_cancelled_by_itself(world, made):
    series = await made()
    moved = series.visits[1].booking
    start = world.request(world.salon.at(16, 10) + WEEK).start_time
    await world.act("RescheduleBooking", moved, metadata=world.customer(), start_time=start)
    await world.act("CancelBooking", series.visits[0].booking, metadata=world.customer())
    after = await shown(world, series)
    assert local_starts(after) == ["03-16T16:00", "03-23T10:00", "03-30T16:00", "04-06T16:00"]
    assert (after.upcoming_count, after.next_start_time) == (3, start)


@pytest.mark.covers("B11")
async def test_cancelling_a_series_takes_back_what_is_to_come(world, made):
    series = await made()
    world.clock.set(world.salon.at(16, 17) + WEEK)
    answer = await cancel(world, series, reason="We move away.")
    assert [one.id for one in answer.bookings] == [visit.booking.id for visit in series.visits[2:]]
    assert (answer.fee.amount_minor, answer.refund.amount_minor) == (0, 0)
    assert await states(world, series) == [State.CONFIRMED] * 2 + [State.CANCELLED] * 2
    told = [event for kind, event in await world.events() if kind == "cancelled"]
    assert {event.reason for event in told} == {"We move away."}
    assert len(told) == 2
    assert await world.rows("SELECT count(*) FROM claims WHERE state = 'released'") == [(2,)]
    assert not (await cancel(world, series)).bookings


async def of_series(world):
    rows = await world.rows("SELECT payload FROM outbox WHERE subject LIKE '%%.series_%%' ORDER BY id")
    return [SeriesEvent.FromString(payload) for (payload,) in rows]


async def test_a_series_is_told_as_a_whole_once_and_so_is_taking_it_back(world, made):
    request_id = str(new_id())
    series = await made(request_id=request_id)
    assert await made(request_id=request_id) == series
    await cancel(world, series, request_id="all")
    await cancel(world, series, request_id="all")
    await cancel(world, series, request_id="again")
    created, cancelled = await of_series(world)
    ids = [visit.booking.id for visit in series.visits]
    assert [visit.booking_id for visit in created.visits] == ids
    assert [visit.booking_id for visit in cancelled.visits] == ids
    assert (created.type, cancelled.type) == (SeriesEvent.SERIES_CREATED, SeriesEvent.SERIES_CANCELLED)
    assert {event.told_by_series for kind, event in await world.events() if "series" not in kind} == {True}


async def test_a_visit_that_changes_alone_is_told_by_itself(world, made):
    series = await made(count=2)
    first, second = (visit.booking for visit in series.visits)
    await world.act("CancelBooking", first, metadata=world.customer())
    await cancel(world, series)
    alone, together = [event for kind, event in await world.events() if kind == "cancelled"]
    assert (alone.booking_id, alone.told_by_series) == (first.id, False)
    assert (together.booking_id, together.told_by_series) == (second.id, True)
    assert [visit.booking_id for visit in (await of_series(world))[1].visits] == [second.id]


async def test_a_dry_run_of_a_series_tells_nothing(world, made):
    await made(dry_run=True)
    assert await world.rows("SELECT count(*) FROM outbox") == [(0,)]


@pytest.mark.covers("B11")
async def test_cancelling_from_one_visit_on_keeps_those_before(world, made, refusal):
    series = await made()
    third = series.visits[2].booking
    await cancel(world, series, from_booking_id=third.id)
    assert await states(world, series) == [State.CONFIRMED] * 2 + [State.CANCELLED] * 2
    stranger = await world.book(world.salon.at(17, 9))
    refused = await refusal(cancel(world, series, from_booking_id=stranger.id))
    assert refused.reason == "BOOKING_NOT_FOUND"


@pytest.mark.covers("B11")
async def test_a_dry_run_says_what_cancelling_a_series_costs_and_a_member_may_waive_it(world, made, refusal):
    fees = {"late_cancellation_fee_basis_points": 5_000, "cancellation_window": {"seconds": 10 * 86_400}}
    service = world.salon.service(*world.staff, terms={**ROOMY, **fees})
    series = await made(service=service, count=3)
    for visit in series.visits:
        await world.in_transaction(visit.booking, paid_in_full)
    world.clock.set(world.salon.at(16, 9))
    foreseen = await cancel(world, series, dry_run=True)
    # The first and the second are within ten days.
    assert (foreseen.fee.amount_minor, foreseen.refund.amount_minor) == (10_000, 20_000)
    assert [one.settlement.fee.amount_minor for one in foreseen.bookings] == [5_000, 5_000, 0]
    assert await states(world, series) == [State.CONFIRMED] * 3
    assert (await refusal(cancel(world, series, waive_fee=True))).code.name == "PERMISSION_DENIED"
    waived = await cancel(world, series, world.member(), dry_run=True, waive_fee=True)
    assert (waived.fee.amount_minor, waived.refund.amount_minor) == (0, 30_000)
    done = await cancel(world, series, request_id="off")
    assert (done.fee, done.refund) == (foreseen.fee, foreseen.refund)
    assert await cancel(world, series, request_id="off") == done


def paid_in_full(before, act):
    return payment_captured(before, act, new_id(), before.price)


async def test_series_are_listed_the_newest_first_own_ones_or_the_salons(world, made, refusal):
    other = new_id()
    first = await made()
    second = await made(metadata=world.customer(other), staff=world.staff[1])
    third = await made(start=world.salon.at(17, 16))
    await cancel(world, first)

    async def listed(metadata=None, **wanted):
        return await world.series.ListSeries(
            pb.ListSeriesRequest(**wanted), metadata=metadata or world.customer()
        )

    def ids(answer):
        return [one.id for one in answer.series]

    own = await listed()
    assert ids(own) == [third.id, first.id]
    assert [(one.upcoming_count, len(one.visits)) for one in own.series] == [(4, 0), (0, 0)]
    salon = str(world.salon.id)
    assert ids(await listed(world.member(), salon_id=salon)) == [third.id, second.id, first.id]
    assert ids(await listed(world.member(), salon_id=salon, customer_id=str(other))) == [second.id]
    page = await listed(page_size=1)
    assert ids(await listed(page_size=1, page_token=page.next_page_token)) == [first.id]
    assert (await refusal(listed(salon_id=salon))).reason == "ROLE_REQUIRED"
    assert (await refusal(listed(customer_id=str(other)))).code.name == "PERMISSION_DENIED"
    stale = listed(world.member(), salon_id=salon, page_token=page.next_page_token)
    assert (await refusal(stale)).violations == {"pageToken": "MALFORMED"}


async def test_a_guests_series_becomes_the_accounts(world, made):
    guest, person = new_id(), new_id()
    series = await made(metadata=world.member(), customer_id=str(guest))
    join = world.have.waiting.join_guest
    await join(new_id(), JoinedGuest(guest, world.salon.id, person, world.clock.now()))
    after = await shown(world, series, world.customer(person))
    assert after.customer_id == str(person)
    assert {visit.booking.customer_id for visit in after.visits} == {str(person)}
