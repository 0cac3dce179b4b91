"""RescheduleBooking and ChangeServices as callers see them."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi.type.v1.money_pb2 import Money
from kursi_chassis.ids import new_id

Booking = booking_pb2.Booking
LIVE = "SELECT resource_id, lower(during), upper(during) FROM claims WHERE state <> 'released' ORDER BY 2"


def move(world, booking, instant, metadata=None, **more):
    start = Timestamp()
    start.FromDatetime(instant)
    return world.act(
        "RescheduleBooking", booking, metadata=metadata or world.customer(), start_time=start, **more
    )


def change(world, booking, *services, metadata=None, staff=None, **more):
    items = [pb.WantedItem(service_id=str(service), staff_id=str(staff or "")) for service in services]
    return world.act("ChangeServices", booking, metadata=metadata or world.customer(), items=items, **more)


def part(minutes, *, needs_staff=True):
    return catalog_pb2.Segment(duration=Duration(seconds=minutes * 60), needs_staff=needs_staff)


def lasting(booking):
    """Minutes of each service."""
    return [(item.end_time.seconds - item.start_time.seconds) // 60 for item in booking.items]


@pytest.fixture
def change_service(world):
    """`change_service(minutes=…)`: the salon sells its first service in another way from now on."""

    def apply(minutes, price=10_000):
        service = world.salon.answer.offers[0].service
        service.duration.seconds, service.price.amount_minor = minutes * 60, price
        world.salon.version += 1
        world.kept.heard_of(world.salon.id, world.salon.version)

    return apply


@pytest.mark.covers("B8")
async def test_a_move_keeps_the_booking_and_frees_the_old_time(world):
    old, new = world.salon.at(16, 10), world.salon.at(17, 14)
    booked = await world.book(old, staff=world.staff[0])
    moved = await move(world, booked, new, reason="train")
    assert (moved.id, moved.revision, moved.local_start) == (booked.id, 2, "2026-03-17T14:00:00+03:00")
    assert (moved.items[0].id, moved.items[0].staff_id) == (booked.items[0].id, booked.items[0].staff_id)
    assert await world.rows(LIVE) == [(world.staff[0], new, new + timedelta(hours=1))]
    again = await world.book(old, staff=world.staff[0], metadata=world.customer(new_id()))
    assert again.state == Booking.CONFIRMED
    what, event = (await world.events())[1]
    assert (what, event.previous_start_time, event.reason) == ("rescheduled", booked.start_time, "train")
    assert {"start_time", "end_time", "items"} == set(event.changed_fields)
    history = await world.act("ListBookingHistory", booked)
    assert (history.entries[1].from_start_time, history.entries[1].to_start_time) == (
        booked.start_time,
        moved.start_time,
    )


@pytest.mark.covers("B6")
async def test_a_moved_visit_takes_the_time_for_which_it_was_booked(world, change_service):
    extra = world.salon.service(*world.staff, duration=30)
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    change_service(minutes=90, price=15_000)
    moved = await move(world, booked, world.salon.at(17, 14))
    assert (lasting(moved), moved.total.amount_minor) == ([60], 10_000)
    assert lasting(await change(world, booked, world.service_id, extra)) == [60, 30]
    assert lasting(await change(world, booked, world.service_id, world.service_id)) == [60, 90]
    everybody_else = await move(world, booked, world.salon.at(18, 9), staff_ids=[str(world.staff[1])])
    assert lasting(everybody_else) == [90, 90]


async def test_a_moved_visit_of_several_parts_takes_them_as_they_are_sold_now(world, change_service):
    service = world.salon.service(
        *world.staff, segments=[part(20), part(40, needs_staff=False), part(20)], duration=80
    )
    booked = await world.book(world.salon.at(16, 10), service, staff=world.staff[0])
    assert lasting(await move(world, booked, world.salon.at(17, 14))) == [80]
    world.salon.answer.offers[-1].service.segments[1].duration.seconds = 30 * 60
    change_service(minutes=60)
    assert lasting(await move(world, booked, world.salon.at(18, 14))) == [70]


@pytest.mark.covers("B6")
async def test_a_moved_visit_keeps_an_add_on_that_is_not_sold_any_more(world, refusal, change_service):
    oil = world.salon.answer.offers[0].service.add_ons.add(
        id=str(new_id()), duration=Duration(seconds=900), price=Money(currency_code="SAR", amount_minor=500)
    )
    wanted = pb.WantedItem(
        service_id=str(world.service_id), staff_id=str(world.staff[0]), add_on_ids=[oil.id]
    )
    request = world.request(world.salon.at(16, 10))
    del request.items[:]
    request.items.append(wanted)
    booked = await world.stub.CreateBooking(request, metadata=world.customer())
    del world.salon.answer.offers[0].service.add_ons[:]
    change_service(minutes=90, price=15_000)
    moved = await move(world, booked, world.salon.at(17, 14))
    assert (lasting(moved), moved.total.amount_minor) == ([75], 10_500)
    assert list(moved.items[0].add_on_ids) == [oil.id]
    await world.book(world.salon.at(18, 14), staff=world.staff[0], metadata=world.customer(new_id()))
    taken = await refusal(move(world, booked, world.salon.at(18, 14)))
    assert (taken.reason, len(taken.metadata["alternatives"].split(","))) == ("SLOT_TAKEN", 5)


@pytest.mark.covers("B8")
async def test_a_visit_may_move_into_its_own_old_time(world):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    moved = await move(world, booked, world.salon.at(16, 10, 30))
    assert (moved.revision, moved.items[0].staff_id) == (2, str(world.staff[0]))


@pytest.mark.covers("B8")
async def test_a_move_to_a_taken_time_changes_nothing_and_names_others(world, refusal):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    other = world.customer(new_id())
    await world.book(world.salon.at(16, 14), staff=world.staff[0], metadata=other)
    people = [str(world.staff[0])]
    answer = await refusal(move(world, booked, world.salon.at(16, 14), staff_ids=people))
    assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "SLOT_TAKEN")
    assert len(answer.metadata["alternatives"].split(",")) == 5
    assert await world.get(booked) == booked
    assert len(await world.events()) == 2


async def test_without_a_wish_somebody_else_takes_over_when_the_same_person_is_busy(world):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    other = world.customer(new_id())
    await world.book(world.salon.at(16, 14), staff=world.staff[0], metadata=other)
    moved = await move(world, booked, world.salon.at(16, 14))
    assert moved.items[0].staff_id == str(world.staff[1])
    _, event = (await world.events())[-1]
    assert list(event.previous_staff_user_ids) == [world.salon.answer.workers[0].staff_member.user_id]


@pytest.mark.covers("B7")
@pytest.mark.parametrize("busier", [0, 1])
async def test_who_takes_over_is_whose_turn_it_is(world, busier):
    busy, *others = *world.staff, world.salon.staff()
    service = world.salon.service(busy, *others)
    booked = await world.book(world.salon.at(16, 10), service, staff=busy)
    for instant, person in ((world.salon.at(16, 14), busy), (world.salon.at(17, 9), others[busier])):
        await world.book(instant, service, staff=person, metadata=world.customer(new_id()))
    moved = await move(world, booked, world.salon.at(16, 14))
    assert moved.items[0].staff_id == str(others[1 - busier])


async def test_a_wish_for_another_person_is_kept(world):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    moved = await move(world, booked, world.salon.at(16, 10), staff_ids=[str(world.staff[1])])
    assert (moved.revision, moved.items[0].staff_id) == (2, str(world.staff[1]))


@pytest.mark.covers("B8")
async def test_a_repeated_move_answers_as_the_first_time(world):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    first = await move(world, booked, world.salon.at(17, 10), etag=booked.etag, request_id="k")
    by_key = await move(world, booked, world.salon.at(17, 10), etag=booked.etag, request_id="k")
    by_state = await move(world, booked, world.salon.at(17, 10), etag=booked.etag)
    assert first == by_key == by_state
    assert len(await world.events()) == 2


@pytest.mark.covers("B8")
async def test_a_repeated_move_does_not_bring_the_visit_back_to_where_it_went(world):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    first = await move(world, booked, world.salon.at(17, 10), etag=booked.etag, request_id="k")
    latest = await move(world, booked, world.salon.at(18, 10))
    assert await move(world, booked, world.salon.at(17, 10), etag=booked.etag, request_id="k") == first
    assert await world.get(booked) == latest


@pytest.mark.covers("B8", "B9")
async def test_an_overdue_hold_gives_way_to_whoever_moves_there(world, hold):
    held = await hold(hour=10)
    booked = await world.book(world.salon.at(17, 10), staff=world.staff[0])
    world.clock.advance(timedelta(minutes=11))
    moved = await move(world, booked, world.salon.at(16, 10), staff_ids=[str(world.staff[0])])
    assert moved.local_start == "2026-03-16T10:00:00+03:00"
    assert (await world.get(held, metadata=world.member())).state == Booking.EXPIRED


@pytest.mark.covers("B8")
async def test_a_move_to_where_the_visit_was_keeps_its_answer_whatever_becomes_of_the_visit(world, refusal):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    stayed = await move(world, booked, world.salon.at(16, 10), request_id="m")
    same = await change(world, booked, world.service_id, request_id="c")
    await move(world, booked, world.salon.at(17, 10))
    assert await move(world, booked, world.salon.at(16, 10), request_id="m") == stayed == booked
    assert await change(world, booked, world.service_id, request_id="c") == same == booked
    assert (await world.get(booked)).revision == 2
    reused = await refusal(move(world, booked, world.salon.at(18, 10), request_id="m"))
    assert reused.reason == "REQUEST_ID_REUSED"


@pytest.mark.covers("B8")
async def test_moving_an_older_revision_is_refused(world, refusal):
    booked = await world.book(world.salon.at(16, 10))
    await move(world, booked, world.salon.at(17, 10))
    for dry_run in (True, False):
        answer = await refusal(move(world, booked, world.salon.at(18, 10), etag=booked.etag, dry_run=dry_run))
        assert (answer.code, answer.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


@pytest.mark.covers("B8")
async def test_a_dry_run_of_a_move_shows_it_and_writes_nothing(world, refusal):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    foreseen = await move(world, booked, world.salon.at(17, 10), dry_run=True)
    assert (foreseen.local_start, foreseen.etag) == ("2026-03-17T10:00:00+03:00", booked.etag)
    assert await world.get(booked) == booked
    off_grid = await refusal(move(world, booked, world.salon.at(17, 10, 7), dry_run=True))
    assert (off_grid.reason, off_grid.metadata["rule"]) == ("NOT_BOOKABLE", "OFF_GRID")


async def test_a_customer_moves_until_the_deadline_and_the_salon_after_it(world, refusal):
    booked = await world.book(world.salon.at(16, 16))
    world.clock.set(world.salon.at(16, 8))
    late = await refusal(move(world, booked, world.salon.at(17, 10)))
    assert (late.code, late.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_LATE_TO_RESCHEDULE")
    assert late.metadata["deadline"]
    moved = await move(world, booked, world.salon.at(16, 9, 7), metadata=world.member())
    assert moved.revision == 2


@pytest.mark.covers("B8")
async def test_a_visit_that_was_moved_late_keeps_its_fee_when_it_is_cancelled(world):
    booked = await world.book(world.salon.at(16, 10), world.prepaid_service(), staff=world.staff[0])
    await world.pay(booked)
    world.clock.set(world.salon.at(15, 16))
    foreseen = await move(world, booked, world.salon.at(25, 10), dry_run=True)
    moved = await move(world, booked, world.salon.at(25, 10))
    assert foreseen.carried_fee == moved.carried_fee == (await world.get(booked)).carried_fee
    assert moved.carried_fee.amount_minor == 5_000
    what, event = (await world.events())[-1]
    assert (what, "carried_fee" in event.changed_fields) == ("rescheduled", True)
    cancelled = await world.act("CancelBooking", booked, metadata=world.customer())
    assert (cancelled.settlement.fee.amount_minor, cancelled.settlement.refund.amount_minor) == (5_000, 5_000)


async def test_a_wrong_number_of_people_is_refused(world, refusal):
    booked = await world.book(world.salon.at(16, 10))
    people = [str(one) for one in world.staff]
    answer = await refusal(move(world, booked, world.salon.at(17, 10), staff_ids=people))
    assert answer.violations == {"staffIds": "OUT_OF_RANGE"}


@pytest.mark.covers("B8")
async def test_two_visits_that_swap_their_times_do_not_wait_for_each_other(world):
    first = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    second = await world.book(world.salon.at(16, 14), staff=world.staff[0])
    people = [str(world.staff[0])]
    answers = await asyncio.gather(
        move(world, first, world.salon.at(16, 14), staff_ids=people),
        move(world, second, world.salon.at(16, 10), staff_ids=people),
        return_exceptions=True,
    )
    assert {answer.code() for answer in answers} == {grpc.StatusCode.ABORTED}
    assert len(await world.rows(LIVE)) == 2


@pytest.mark.covers("B8")
async def test_a_move_and_added_services_at_once_are_both_kept(world):
    """Whoever comes second looks again: what the first one did is not written over."""
    extra, whoever = world.salon.service(*world.staff, duration=30), world.member()
    booked = [
        await world.book(world.salon.at(day, 9), metadata=whoever, customer_id=str(new_id()))
        for day in range(16, 22)
    ]
    await asyncio.gather(
        *(move(world, one, world.salon.at(day, 13), metadata=whoever) for day, one in enumerate(booked, 16)),
        *(change(world, one, world.service_id, extra, metadata=whoever) for one in booked),
    )
    after = [await world.get(one, metadata=whoever) for one in booked]
    assert [(one.local_start[11:16], len(one.items), one.revision) for one in after] == [("13:00", 2, 3)] * 6


@pytest.mark.covers("B8")
async def test_a_service_is_added_at_its_price_and_the_first_keeps_its_own(world):
    extra = world.salon.service(*world.staff, duration=30, price=4_000)
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    world.salon.answer.offers[0].service.price.amount_minor = 99_900
    world.salon.version += 1
    changed = await change(world, booked, world.service_id, extra)
    assert (changed.revision, changed.total.amount_minor) == (2, 14_000)
    assert changed.items[0] == booked.items[0]
    assert changed.end_time.seconds - changed.start_time.seconds == 90 * 60
    assert (await world.events())[-1][0] == "rescheduled"
    same = await change(world, booked, world.service_id, extra)
    assert same == changed
    fewer = await change(world, booked, world.service_id)
    assert (fewer.revision, len(fewer.items)) == (3, 1)


@pytest.mark.covers("B8")
async def test_removing_a_paid_service_gives_the_difference_back(world):
    extra = world.prepaid_service()
    booked = await world.book(world.salon.at(16, 10), world.service_id, extra)
    await world.pay(booked)
    fewer = await change(world, booked, world.service_id)
    assert (fewer.payment_state, fewer.paid.amount_minor) == (Booking.REFUND_DUE, 20_000)
    _, event = (await world.events())[-1]
    assert event.refund.amount_minor == 10_000


@pytest.mark.covers("B8")
async def test_a_customer_does_not_slip_a_service_that_is_paid_before_into_an_unpaid_visit(world, refusal):
    prepaid = world.prepaid_service()
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    for services in ([prepaid], [world.service_id, prepaid]):
        answer = await refusal(change(world, booked, *services))
        assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PREPAYMENT_REQUIRED")
    assert await world.get(booked) == booked
    by_the_salon = await change(world, booked, prepaid, metadata=world.member())
    assert by_the_salon.state == Booking.CONFIRMED


@pytest.mark.covers("B8")
async def test_a_customer_does_not_get_more_into_a_paid_visit_than_was_paid_for(world, refusal):
    dear = {world.staff[1]: {"price": Money(amount_minor=90_000, currency_code="SAR")}}
    paid_for = world.salon.service(*world.staff, terms={"prepayment": catalog_pb2.Policy.FULL}, own=dear)
    other = world.prepaid_service()
    booked = await world.book(world.salon.at(16, 10), paid_for, staff=world.staff[0])
    await world.pay(booked)
    booked = await world.get(booked)
    for attempt in (
        change(world, booked, paid_for, other),
        change(world, booked, paid_for, staff=world.staff[1]),
        move(world, booked, world.salon.at(17, 10), staff_ids=[str(world.staff[1])]),
    ):
        answer = await refusal(attempt)
        assert (answer.code, answer.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PREPAYMENT_REQUIRED")
    assert await world.get(booked) == booked
    for_as_much = await change(world, booked, other)
    assert (for_as_much.state, for_as_much.payment_state) == (Booking.CONFIRMED, Booking.PAID)
    by_the_salon = await change(world, booked, paid_for, other, metadata=world.member())
    assert (by_the_salon.state, by_the_salon.total.amount_minor) == (Booking.CONFIRMED, 20_000)
    as_it_is = await move(world, booked, world.salon.at(17, 10))
    assert as_it_is.total == by_the_salon.total


@pytest.mark.covers("B8")
async def test_a_hold_whose_services_were_paid_meanwhile_is_confirmed_with_them(world, till, hold):
    booked = await hold()
    metadata = world.customer(booked.customer_id)
    more = await change(world, booked, hold.service, world.service_id, metadata=metadata)
    assert (more.state, more.prepayment.amount_minor) == (Booking.HELD, 20_000)
    await till.tell(till.captured(booked))
    assert (await world.get(booked, metadata=metadata)).state == Booking.HELD
    foreseen = await change(world, booked, hold.service, metadata=metadata, dry_run=True)
    fewer = await change(world, booked, hold.service, metadata=metadata)
    assert (
        (fewer.state, fewer.payment_state)
        == (Booking.CONFIRMED, Booking.PAID)
        == (foreseen.state, Booking.PAID)
    )
    assert [name for name, _ in await world.events()][-2:] == ["rescheduled", "confirmed"]
    assert await world.rows("SELECT DISTINCT state FROM claims") == [("confirmed",)]


async def test_services_do_not_grow_into_the_next_visit(world, refusal):
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    other = world.customer(new_id())
    await world.book(world.salon.at(16, 11), staff=world.staff[0], metadata=other)
    await world.book(world.salon.at(16, 11), staff=world.staff[1], metadata=world.customer(new_id()))
    answer = await refusal(change(world, booked, world.service_id, world.service_id))
    assert answer.reason == "SLOT_TAKEN"
    foreseen = await change(world, booked, world.service_id, staff=world.staff[1], dry_run=True)
    assert foreseen.items[0].staff_id == str(world.staff[1])
    assert await world.get(booked) == booked
