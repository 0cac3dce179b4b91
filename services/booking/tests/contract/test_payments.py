"""What payments do to bookings: every step once, in any order, however often it is told, and whoever else is at work."""

import asyncio
import random
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi.booking.v1 import booking_pb2, booking_service_pb2_grpc
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.main import payments_subscription
from kursi_booking.store.due_holds import DueHoldsInDatabase
from kursi_booking.usecases.expire_hold import ExpireHolds
from kursi_chassis.events.consumer import EventConsumer
from kursi_chassis.events.envelope import Event
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import bearer, refused

PRICE = 10_000
HOLD = timedelta(minutes=10)
State, Paid = booking_pb2.Booking.State, booking_pb2.Booking.PaymentState


async def open_connections(world):
    """Has the pool open all it may: with the two that it begins with, little would be at the same instant."""

    async def hold_one():
        async with world.database.reading() as connection:
            await connection.execute("SELECT pg_sleep(0.2)")

    await asyncio.gather(*(hold_one() for _ in range(8)))


async def expire(world, booking):
    world.clock.advance(HOLD + timedelta(seconds=1))
    assert await world.have.expire_hold(UUID(booking.id))


async def now(world, booking):
    return await world.get(booking, metadata=world.member())


async def live_claims(world, booking):
    rows = await world.rows("SELECT state FROM claims WHERE booking_id = %s", UUID(booking.id))
    return [state for (state,) in rows if state != "released"]


@pytest.mark.covers("B10")
async def test_a_captured_prepayment_confirms_the_hold(world, till, hold):
    booking = await hold()
    await till.tell(till.captured(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state, after.paid.amount_minor) == (State.CONFIRMED, Paid.PAID, PRICE)
    assert not after.HasField("hold_expire_time")
    assert await live_claims(world, booking) == ["confirmed"]


async def test_where_the_salon_decides_a_captured_prepayment_leaves_the_booking_pending(world, till):
    service = world.prepaid_service(automatic_confirmation=False)
    booking = await world.book(world.salon.at(16, 9), service)
    await till.tell(till.captured(booking))
    assert (await now(world, booking)).state == State.PENDING


@pytest.mark.covers("B10")
async def test_a_failed_payment_keeps_the_hold_until_it_ends_so_that_another_can_be_tried(world, till, hold):
    booking = await hold()
    await till.tell(till.step(booking, PaymentEvent.FAILED, new_id(), purpose=PaymentEvent.BALANCE))
    assert await now(world, booking) == booking
    await till.tell(till.failed(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state) == (State.HELD, Paid.FAILED)
    assert after.hold_expire_time == booking.hold_expire_time
    await till.tell(till.captured(booking))
    assert (await now(world, booking)).state == State.CONFIRMED


@pytest.mark.covers("B10")
async def test_a_late_payment_takes_the_time_again_if_it_is_still_free(world, till, hold):
    booking = await hold()
    await expire(world, booking)
    await till.tell(till.captured(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state) == (State.CONFIRMED, Paid.PAID)
    assert await live_claims(world, booking) == ["confirmed"]
    assert await world.rows("SELECT sum(active) FROM customer_counters") == [(1,)]


@pytest.mark.covers("B10")
async def test_a_late_payment_for_a_time_that_somebody_else_has_is_due_for_refund(world, till, hold):
    booking = await hold()
    await expire(world, booking)
    other = await hold()
    await till.tell(till.captured(other))
    await till.tell(till.captured(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state, after.paid.amount_minor) == (
        State.EXPIRED,
        Paid.REFUND_DUE,
        PRICE,
    )
    what, event = (await world.events())[-1]
    assert (what, event.booking_id, event.refund.amount_minor) == ("refund_due", booking.id, PRICE)
    assert (await now(world, other)).state == State.CONFIRMED


@pytest.mark.covers("B10")
async def test_a_late_payment_for_a_visit_that_has_begun_is_due_for_refund(world, till, hold):
    on_time, late = await hold(9), await hold(11)
    await expire(world, on_time)
    assert await world.have.expire_hold(UUID(late.id))
    world.clock.set(world.salon.at(16, 9) - timedelta(seconds=1))
    await till.tell(till.captured(on_time))
    world.clock.set(world.salon.at(16, 11))
    await till.tell(till.captured(late))
    assert (await now(world, on_time)).state == State.CONFIRMED
    after = await now(world, late)
    assert (after.state, after.payment_state) == (State.EXPIRED, Paid.REFUND_DUE)
    assert await till.told_refunds(late) == PRICE


@pytest.mark.covers("B10")
async def test_a_hold_that_is_over_does_not_keep_a_late_payment_from_its_time(world, till, hold):
    booking = await hold()
    await expire(world, booking)
    other = await hold()
    world.clock.advance(HOLD + timedelta(seconds=1))
    await till.tell(till.captured(booking))
    assert (await now(world, booking)).state == State.CONFIRMED
    assert (await now(world, other)).state == State.EXPIRED


@pytest.mark.covers("B10")
async def test_a_part_of_what_was_due_goes_back_when_the_hold_is_over(world, till, hold):
    by_itself, by_the_job = await hold(), await hold(12)
    await till.tell(*(till.captured(booking, minor=PRICE // 4) for booking in (by_itself, by_the_job)))
    await expire(world, by_itself)
    assert await ExpireHolds(DueHoldsInDatabase(world.database), world.clock, describe_event)(10) == 1
    after = [await now(world, booking) for booking in (by_itself, by_the_job)]
    assert {(booking.state, booking.payment_state) for booking in after} == {(State.EXPIRED, Paid.REFUND_DUE)}
    told = [(name, event.refund.amount_minor) for name, event in (await world.events())[-2:]]
    assert told == [("expired", PRICE // 4)] * 2
    await till.tell(till.captured(by_itself, minor=PRICE - PRICE // 4))
    assert (await now(world, by_itself)).state == State.EXPIRED
    assert await till.told_refunds(by_itself) == PRICE


@pytest.mark.covers("B10")
async def test_a_payment_after_a_cancellation_is_due_for_refund(world, till, hold):
    booking = await hold()
    await world.act("CancelBooking", booking)
    await till.tell(till.captured(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state) == (State.CANCELLED, Paid.REFUND_DUE)
    assert await till.told_refunds(booking) == PRICE


@pytest.mark.covers("B10")
async def test_what_went_back_is_recorded_once_whatever_the_order_of_its_parts(world, till, hold):
    booking, payment = await hold(), new_id()
    await world.act("CancelBooking", booking)
    part = till.step(booking, PaymentEvent.REFUNDED, payment, captured=PRICE, refunded=4_000)
    whole = till.step(booking, PaymentEvent.REFUNDED, payment, captured=PRICE, refunded=PRICE)
    await till.tell(whole)
    await till.tell(part, whole, till.captured(booking, payment))
    after = await now(world, booking)
    assert (after.payment_state, after.paid.amount_minor) == (Paid.REFUNDED, 0)


@pytest.mark.covers("B10")
async def test_a_total_that_was_overtaken_makes_the_next_one_count_no_more(world, till, hold):
    booking, payment = await hold(), new_id()
    for total in (7_000, 4_000, PRICE):
        await till.tell(till.captured(booking, payment, total))
    assert (await now(world, booking)).paid.amount_minor == PRICE
    for total in (7_000, 4_000, PRICE):
        await till.tell(till.step(booking, PaymentEvent.REFUNDED, payment, captured=PRICE, refunded=total))
    assert (await now(world, booking)).paid.amount_minor == 0


async def test_money_that_came_twice_goes_back_once(world, till, hold):
    booking = await hold()
    await till.tell(till.captured(booking), till.captured(booking))
    after = await now(world, booking)
    assert (after.state, after.payment_state) == (State.CONFIRMED, Paid.REFUND_DUE)
    assert await till.told_refunds(booking) == PRICE
    await world.act("CancelBooking", booking)
    assert await till.told_refunds(booking) == 2 * PRICE


async def test_what_a_missed_visit_does_not_cost_goes_back_and_what_it_still_costs_is_kept(world, till):
    service = world.prepaid_service(no_show_fee_basis_points=4_000)
    paid = await world.book(world.salon.at(16, 9), service)
    await till.tell(till.captured(paid))
    unpaid = await world.book(world.salon.at(16, 11), metadata=world.customer(new_id()))
    world.clock.set(world.salon.at(16, 12))
    await world.act("MarkNoShow", paid)
    await world.act("MarkNoShow", unpaid)
    assert await till.told_refunds(paid) == 6_000
    await till.tell(till.captured(unpaid, purpose=PaymentEvent.NO_SHOW_FEE))
    after = await now(world, unpaid)
    assert (after.payment_state, after.settlement.fee.amount_minor) == (Paid.PAID, PRICE)
    assert await till.told_refunds(unpaid) == 0


async def test_a_tip_is_no_money_of_the_booking(world, till, hold):
    booking = await hold()
    await till.tell(till.captured(booking, purpose=PaymentEvent.TIP))
    assert (await now(world, booking)) == booking


async def unless_taken(booking):
    """The booking, or None when somebody else has its time."""
    try:
        return await booking
    except grpc.aio.AioRpcError as error:
        if refused(error).reason != "SLOT_TAKEN":
            raise
        return None


class Trouble:
    """A payment of one booking told in disorder: every event at least once, in any order, with repetitions, while the
    hold may end, the customer may cancel, and somebody else may take the time.
    """

    def __init__(self, seed, world, till, hold):
        self.rnd = random.Random(seed)
        self.world, self.till, self.hold = world, till, hold
        self.cancelled = False

    async def run(self, hour):
        self.booking = await self.hold(hour)
        payment = new_id()
        told = [
            self.till.failed(self.booking),
            self.till.step(self.booking, PaymentEvent.PENDING, payment),
            self.till.captured(self.booking, payment),
        ]
        told += self.rnd.choices(told, k=3)
        self.rnd.shuffle(told)
        meddle = self.rnd.choice([None, self.end_hold, self.cancel, self.lose_time])
        when = self.rnd.randrange(len(told))
        for position, event in enumerate(told):
            if meddle is not None and position == when:
                await meddle(hour)
            await self.till.tell(event)
        return self.booking

    async def end_hold(self, hour):
        self.world.clock.advance(HOLD + timedelta(seconds=1))
        await self.world.have.expire_hold(UUID(self.booking.id))

    async def cancel(self, hour):
        await self.world.act("CancelBooking", self.booking)

    async def lose_time(self, hour):
        await self.end_hold(hour)
        other = await unless_taken(self.hold(hour))
        if other is not None:
            await self.till.tell(self.till.captured(other))


@pytest.mark.covers("B10")
@pytest.mark.parametrize("seed", range(24))
async def test_told_in_any_order_the_money_is_either_for_the_visit_or_on_its_way_back(
    seed, world, till, hold
):
    booking = await Trouble(seed, world, till, hold).run(9)
    after = await now(world, booking)
    assert after.paid.amount_minor == PRICE
    assert (after.state, after.payment_state, bool(await live_claims(world, booking))) in [
        (State.CONFIRMED, Paid.PAID, True),
        (State.CANCELLED, Paid.REFUND_DUE, False),
        (State.EXPIRED, Paid.REFUND_DUE, False),
    ]
    is_on = after.state == State.CONFIRMED
    assert await till.told_refunds(booking) == (0 if is_on else PRICE)
    history = await world.rows(
        "SELECT array_agg(revision ORDER BY revision) FROM booking_history WHERE booking_id = %s",
        UUID(booking.id),
    )
    assert history == [(list(range(1, after.revision + 1)),)]


@pytest.mark.covers("B9", "B10")
async def test_a_payment_and_the_end_of_its_hold_at_the_same_instant_leave_a_confirmed_visit(
    world, till, hold
):
    booked = [await hold(9 + hour) for hour in range(8)]
    await open_connections(world)
    world.clock.advance(HOLD)
    expire_hold = world.have.expire_hold
    await asyncio.gather(
        *(till.tell(till.captured(booking)) for booking in booked[::2]),
        *(expire_hold(UUID(booking.id)) for booking in booked),
        *(till.tell(till.captured(booking)) for booking in booked[1::2]),
    )
    after = [await now(world, booking) for booking in booked]
    assert {(one.state, one.payment_state) for one in after} == {(State.CONFIRMED, Paid.PAID)}
    assert [await live_claims(world, booking) for booking in booked] == [["confirmed"]] * 8


async def test_of_a_late_payer_and_somebody_new_one_has_the_time_and_the_other_the_money(world, till, hold):
    booked = [await hold(9 + hour) for hour in range(6)]
    await open_connections(world)
    world.clock.advance(HOLD)

    late, new = await asyncio.gather(
        asyncio.gather(*(till.tell(till.captured(booking)) for booking in booked)),
        asyncio.gather(*(unless_taken(hold(9 + hour)) for hour in range(6))),
    )
    assert late == [None] * 6
    for booking, other in zip(booked, new, strict=True):
        after = await now(world, booking)
        expected = State.CONFIRMED if other is None else State.EXPIRED
        assert (after.state, await till.told_refunds(booking)) == (expected, 0 if other is None else PRICE)


@pytest.mark.covers("B9")
async def test_a_cancellation_and_the_end_of_the_hold_at_the_same_instant_are_one_of_the_two(world, hold):
    booked = [await hold(9 + hour) for hour in range(8)]
    await open_connections(world)
    world.clock.advance(HOLD)
    await asyncio.gather(
        *(world.have.expire_hold(UUID(booking.id)) for booking in booked),
        *(world.act("CancelBooking", booking) for booking in booked),
        return_exceptions=True,
    )
    after = [await now(world, booking) for booking in booked]
    assert {one.state for one in after} <= {State.CANCELLED, State.EXPIRED}
    assert {one.revision for one in after} == {2}
    assert await world.rows("SELECT sum(active) FROM customer_counters") == [(0,)]
    assert await world.rows("SELECT count(*) FROM claims WHERE state <> 'released'") == [(0,)]


@pytest.mark.covers("B10")
async def test_events_of_payments_reach_the_bookings_through_the_stream(world, till, hold, nats_client):
    booking = await hold()
    jetstream = nats_client.jetstream()
    await ensure_stream(jetstream, STREAMS["payment"])
    told = till.captured(booking)
    event = Event(
        type=told.type, subject=told.subject, aggregate_id=told.aggregate_id, revision=1,
        payload=told.payload, occurred_at=told.occurred_at, event_id=told.event_id,
    )  # fmt: skip
    for number in range(2):
        await jetstream.publish(
            event.subject, event.payload, headers={**event.wire_headers(), "Nats-Msg-Id": f"copy {number}"}
        )
    stopping = asyncio.Event()
    consumer = EventConsumer(nats_client, world.database, payments_subscription(world.database, world.clock))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping))
        await eventually(lambda: is_confirmed(world, booking))
        stopping.set()


async def is_confirmed(world, booking):
    after = await now(world, booking)
    return (after.state, after.revision) == (State.CONFIRMED, 2)


@pytest.fixture
def terms(world):
    """`await terms(booking)`: what payment is told is due."""
    stub = booking_service_pb2_grpc.BookingInternalServiceStub(world.channel)

    async def ask(booking_id):
        request = pb.GetPaymentTermsRequest(booking_id=booking_id)
        return await stub.GetPaymentTerms(request, metadata=bearer(world.mint.service("payment")))

    return ask


async def test_what_is_due_follows_the_booking(world, till, terms):
    service = world.salon.service(*world.staff, terms={"prepayment": 2, "deposit_basis_points": 2_500})
    booking = await world.book(world.salon.at(16, 9), service)
    held = await terms(booking.id)
    assert (held.prepayment_due.amount_minor, held.balance_due.amount_minor) == (2_500, 0)
    assert (held.customer_id, held.prepayment_is_full) == (booking.customer_id, False)
    assert held.hold_expire_time == booking.hold_expire_time
    await till.tell(till.captured(booking, minor=2_500, purpose=PaymentEvent.DEPOSIT))
    confirmed = await terms(booking.id)
    assert (confirmed.prepayment_due.amount_minor, confirmed.balance_due.amount_minor) == (0, 7_500)
    world.clock.set(world.salon.at(16, 10))
    await world.act("MarkNoShow", booking)
    missed = await terms(booking.id)
    assert (missed.balance_due.amount_minor, missed.no_show_fee_due.amount_minor) == (0, 7_500)
    await till.tell(till.captured(booking, minor=7_500, purpose=PaymentEvent.NO_SHOW_FEE))
    assert (await terms(booking.id)).no_show_fee_due.amount_minor == 0


async def test_nothing_is_due_for_a_booking_that_does_not_exist(terms):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await terms(str(new_id()))
    assert refused(error.value).reason == "BOOKING_NOT_FOUND"
