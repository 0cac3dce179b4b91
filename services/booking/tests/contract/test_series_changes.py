"""Series that were made: looked at, moved, taken back together, told of, and listed."""

from datetime import timedelta

import pytest
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import series_service_pb2 as pb
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.domain.payment import payment_captured
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from series_calls import ROOMY, cancel, local_starts, shown

Series = pb.Series
State = booking_pb2.Booking.State
WEEK = timedelta(weeks=1)


async def states(world, series):
    return [visit.booking.state for visit in (await shown(world, series)).visits]


@pytest.mark.covers("7")
async def test_a_series_is_its_customers_and_its_salons_business_only(world, repeated, refusal):
    series = await repeated()
    elsewhere = (("authorization", f"Bearer {world.mint.user(new_id(), salons={new_id(): Role.OWNER})}"),)
    for stranger in (world.customer(new_id()), elsewhere):
        assert (await refusal(shown(world, series, stranger))).reason == "SERIES_NOT_FOUND"
        assert (await refusal(cancel(world, series, stranger))).reason == "SERIES_NOT_FOUND"
    assert (await shown(world, series, world.member())).upcoming_count == 4
    assert (await refusal(shown(world, Series(id=str(new_id()))))).reason == "SERIES_NOT_FOUND"
    other = repeated(metadata=world.customer(new_id()), customer_id=str(world.customer_id))
    assert (await refusal(other)).code.name == "PERMISSION_DENIED"


async def test_a_visit_of_a_series_moves_and_is_cancelled_by_itself(world, repeated):
    series = await repeated()
    moved = series.visits[1].booking
    start = world.request(world.salon.at(16, 10) + WEEK).start_time
    await world.act("RescheduleBooking", moved, metadata=world.customer(), start_time=start)
    await world.act("CancelBooking", series.visits[0].booking, metadata=world.customer())
    after = await shown(world, series)
    assert local_starts(after) == ["03-16T16:00", "03-23T10:00", "03-30T16:00", "04-06T16:00"]
    assert (after.upcoming_count, after.next_start_time) == (3, start)


@pytest.mark.covers("B11")
async def test_cancelling_a_series_takes_back_what_is_to_come(world, repeated):
    series = await repeated()
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


async def test_a_series_is_told_as_a_whole_once_and_so_is_taking_it_back(world, repeated):
    request_id = str(new_id())
    series = await repeated(request_id=request_id)
    assert await repeated(request_id=request_id) == series
    await cancel(world, series, request_id="all")
    await cancel(world, series, request_id="all")
    await cancel(world, series, request_id="again")
    created, cancelled = await of_series(world)
    ids = [visit.booking.id for visit in series.visits]
    assert [visit.booking_id for visit in created.visits] == ids
    assert [visit.booking_id for visit in cancelled.visits] == ids
    assert (created.type, cancelled.type) == (SeriesEvent.SERIES_CREATED, SeriesEvent.SERIES_CANCELLED)
    assert {event.told_by_series for kind, event in await world.events() if "series" not in kind} == {True}


async def test_a_visit_that_changes_alone_is_told_by_itself(world, repeated):
    series = await repeated(count=2)
    first, second = (visit.booking for visit in series.visits)
    await world.act("CancelBooking", first, metadata=world.customer())
    await cancel(world, series)
    alone, together = [event for kind, event in await world.events() if kind == "cancelled"]
    assert (alone.booking_id, alone.told_by_series) == (first.id, False)
    assert (together.booking_id, together.told_by_series) == (second.id, True)
    assert [visit.booking_id for visit in (await of_series(world))[1].visits] == [second.id]


async def test_a_dry_run_of_a_series_tells_nothing(world, repeated):
    await repeated(dry_run=True)
    assert await world.rows("SELECT count(*) FROM outbox") == [(0,)]


@pytest.mark.covers("B11")
async def test_cancelling_from_one_visit_on_keeps_those_before(world, repeated, refusal):
    series = await repeated()
    third = series.visits[2].booking
    await cancel(world, series, from_booking_id=third.id)
    assert await states(world, series) == [State.CONFIRMED] * 2 + [State.CANCELLED] * 2
    stranger = await world.book(world.salon.at(17, 9))
    refused = await refusal(cancel(world, series, from_booking_id=stranger.id))
    assert refused.reason == "BOOKING_NOT_FOUND"


@pytest.mark.covers("B11")
async def test_a_dry_run_says_what_cancelling_a_series_costs_and_a_member_may_waive_it(
    world, repeated, refusal
):
    fees = {"late_cancellation_fee_basis_points": 5_000, "cancellation_window": {"seconds": 10 * 86_400}}
    service = world.salon.service(*world.staff, terms={**ROOMY, **fees})
    series = await repeated(service=service, count=3)
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


async def test_series_are_listed_the_newest_first_own_ones_or_the_salons(world, repeated, refusal):
    other = new_id()
    first = await repeated()
    second = await repeated(metadata=world.customer(other), staff=world.staff[1])
    third = await repeated(start=world.salon.at(17, 16))
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


async def test_a_guests_series_becomes_the_accounts(world, repeated):
    guest, person = new_id(), new_id()
    series = await repeated(metadata=world.member(), customer_id=str(guest))
    join = world.have.waiting.join_guest
    await join(new_id(), JoinedGuest(guest, world.salon.id, person, world.clock.now()))
    after = await shown(world, series, world.customer(person))
    assert after.customer_id == str(person)
    assert {visit.booking.customer_id for visit in after.visits} == {str(person)}
