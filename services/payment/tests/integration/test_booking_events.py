"""What becomes of the money when a visit is called off (Y9)."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import grpc
import pytest
from kursi.booking.v1 import booking_pb2
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_chassis.testing.eventually import eventually
from kursi_payment.metrics import REFUND_SHORTFALL
from kursi_payment.ports import Look, Provider
from kursi_payment.usecases.follow_booking import BookingChange, Happening

Payment = payment_pb2.Payment


def change(booking_id, happening=Happening.CANCELLED, *, refund=0, fee=0, revision=5, event_id=None):
    return BookingChange(
        event_id=event_id or new_id(),
        happening=happening,
        booking_id=booking_id,
        revision=revision,
        fee=Money("SAR", fee),
        refund=Money("SAR", refund),
    )


@pytest.mark.covers("Y9")
async def test_a_cancelled_booking_is_refunded_by_what_the_event_says_oldest_payment_first(desk):
    booking_id = desk.booked(25_000, balance=60_000)
    deposit = await desk.pay(booking_id)
    balance = await desk.pay(booking_id, purpose=Payment.BALANCE)

    await desk.follow_booking([change(booking_id, refund=40_000)])
    await desk.attend.due()

    assert [await desk.state(payment.id) for payment in (deposit, balance)] == [
        "refunded",
        "partially_refunded",
    ]
    assert sorted(movement.amount for movement in desk.charges("refund")) == [15_000, 25_000]
    assert (await desk.get(deposit)).refunds[0].reason == "booking_cancelled"


@pytest.mark.covers("Y9")
async def test_one_revision_of_a_booking_refunds_once_whatever_its_event_is_called(desk):
    booking_id = desk.booked()
    await desk.pay(booking_id)
    first = change(booking_id, refund=10_000)

    await desk.follow_booking([first])
    await desk.follow_booking([first, change(booking_id, refund=10_000)])
    await desk.attend.due()
    await desk.follow_booking([change(booking_id, refund=10_000)])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]


@pytest.mark.covers("Y9")
async def test_a_twin_of_a_refund_over_two_payments_takes_nothing_from_the_second(desk):
    booking_id = desk.booked(25_000, balance=60_000)
    await desk.pay(booking_id)
    await desk.pay(booking_id, purpose=Payment.BALANCE)

    await desk.follow_booking([change(booking_id, refund=10_000), change(booking_id, refund=10_000)])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]


@pytest.mark.covers("Y9")
async def test_an_event_that_comes_again_takes_nothing_from_what_was_paid_since(desk):
    """There was less to give back than it said; that is for a person, not for the next payment."""
    booking_id = desk.booked(25_000, balance=60_000)
    await desk.pay(booking_id)
    told = change(booking_id, refund=40_000)
    await desk.follow_booking([told])
    await desk.pay(booking_id, purpose=Payment.BALANCE)

    await desk.follow_booking([told])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("refund")] == [25_000]


@pytest.mark.covers("Y9")
async def test_a_refund_that_is_due_for_late_money_is_one_of_its_own(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)

    await desk.follow_booking([change(booking_id, refund=5_000)])
    await desk.follow_booking([change(booking_id, Happening.REFUND_DUE, refund=20_000, revision=6)])
    await desk.attend.due()

    assert [refund.reason for refund in (await desk.get(payment)).refunds] == [
        "booking_cancelled",
        "booking_gone",
    ]
    assert await desk.state(payment.id) == "refunded"


@pytest.mark.covers("Y9")
async def test_what_was_paid_of_a_hold_that_ran_out_goes_back(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)

    await desk.follow_booking([change(booking_id, Happening.EXPIRED, refund=25_000)])
    await desk.attend.due()

    assert await desk.state(payment.id) == "refunded"


@pytest.mark.covers("Y9")
@pytest.mark.parametrize("happening", [Happening.CANCELLED, Happening.EXPIRED, Happening.NO_SHOW])
async def test_reservations_are_given_up_when_the_visit_is_off(desk, happening):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id, authorize_only=True)

    await desk.follow_booking([change(booking_id, happening)])
    await desk.attend.due()

    assert await desk.state(payment.id) == "voided"


@pytest.mark.covers("Y9")
async def test_a_no_shows_fee_is_taken_from_what_was_reserved(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id, authorize_only=True)

    await desk.follow_booking([change(booking_id, Happening.NO_SHOW, fee=9_000)])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("capture")] == [9_000]
    assert (await desk.get(payment)).captured.amount_minor == 9_000


@pytest.mark.covers("Y9")
async def test_a_no_shows_fee_that_was_paid_before_takes_no_more(desk):
    booking_id = desk.booked()
    await desk.pay(booking_id)
    reserved = await desk.pay(booking_id, purpose=Payment.BALANCE, authorize_only=True)

    await desk.follow_booking([change(booking_id, Happening.NO_SHOW, fee=25_000)])
    await desk.attend.due()

    assert await desk.state(reserved.id) == "voided"


def tip(minor=5_000, **changes):
    amount = money_pb2.Money(currency_code="SAR", amount_minor=minor)
    return {"purpose": Payment.TIP, "amount": amount, **changes}


@pytest.mark.covers("Y9")
async def test_a_tip_does_not_go_back_and_pays_no_fee(desk):
    booking_id = desk.booked(state=booking_pb2.Booking.CONFIRMED)
    given = await desk.pay(booking_id, **tip())
    reserved = await desk.pay(booking_id, authorize_only=True)

    await desk.follow_booking([change(booking_id, Happening.NO_SHOW, fee=9_000)])
    await desk.follow_booking([change(booking_id, Happening.REFUND_DUE, refund=5_000, revision=6)])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("capture")] == [9_000]
    assert [await desk.state(payment.id) for payment in (given, reserved)] == ["captured", "captured"]


@pytest.mark.covers("Y9")
async def test_a_no_shows_fee_goes_over_the_reservations_but_tips(desk):
    booking_id = desk.booked(state=booking_pb2.Booking.CONFIRMED)
    promised = await desk.pay(booking_id, **tip(authorize_only=True))
    await desk.pay(booking_id, authorize_only=True)
    await desk.pay(booking_id, purpose=Payment.BALANCE, authorize_only=True)

    await desk.follow_booking([change(booking_id, Happening.NO_SHOW, fee=30_000)])
    await desk.attend.due()

    assert sorted(movement.amount for movement in desk.charges("capture")) == [5_000, 25_000]
    assert await desk.state(promised.id) == "voided"


@pytest.mark.covers("Y9")
async def test_what_went_back_before_covers_no_fee(desk):
    booking_id = desk.booked()
    await desk.refund(await desk.pay(booking_id))
    await desk.pay(booking_id, purpose=Payment.BALANCE, authorize_only=True)

    await desk.follow_booking([change(booking_id, Happening.NO_SHOW, fee=9_000)])
    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("capture")] == [9_000]


async def capture_while_the_visit_is_called_off(desk, booking_id, payment, *answers):
    """A manager captures; the provider answers its tries with these codes first."""
    for code in answers:
        desk.moyasar.fault("status", method="POST", path="/v1/payments/*/capture", code=code)
    with pytest.raises(grpc.aio.AioRpcError):
        await desk.stub.CapturePayment(
            pb2.CapturePaymentRequest(payment_id=payment.id), metadata=desk.as_manager()
        )

    await desk.follow_booking([change(booking_id)])
    desk.clock.advance(timedelta(minutes=2))
    await desk.look_at_everything()


@pytest.mark.covers("Y9")
async def test_what_a_manager_has_begun_is_not_decided_again(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id, authorize_only=True)
    await capture_while_the_visit_is_called_off(desk, booking_id, payment, 503)

    assert await desk.state(payment.id) == "captured"
    assert desk.charges("void") == []


@pytest.mark.covers("Y9")
async def test_a_reservation_that_a_manager_tried_to_capture_in_vain_is_given_up_when_the_visit_is_off(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id, authorize_only=True)
    await capture_while_the_visit_is_called_off(desk, booking_id, payment, 503, 400)

    assert await desk.state(payment.id) == "voided"
    assert desk.charges("capture") == []


@pytest.mark.covers("Y9")
async def test_a_reservation_that_comes_after_the_visit_was_off_is_given_up(desk):
    booking_id = desk.booked()
    source = pb2.Source(token=await desk.token(verified=False))
    payment = await desk.pay(booking_id, source=source, authorize_only=True)
    await desk.follow_booking([change(booking_id)])
    await desk.follow_booking([change(booking_id, Happening.REFUND_DUE, revision=6)])
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    desk.moyasar.decide(theirs.id, "approve")

    await desk.look_at_everything()

    assert await desk.state(payment.id) == "voided"


@pytest.mark.covers("Y9")
@pytest.mark.parametrize("back", [Happening.CONFIRMED, Happening.UPDATED])
async def test_a_reservation_for_a_visit_that_was_reinstated_is_kept(desk, back):
    booking_id = desk.booked()
    await desk.follow_booking([change(booking_id, back, revision=7), change(booking_id, Happening.EXPIRED)])

    payment = await desk.pay(booking_id, authorize_only=True)
    await desk.look_at_everything()

    assert await desk.state(payment.id) == "authorized"
    assert await desk.rows("SELECT 1 FROM movements") == []


@pytest.mark.covers("Y9")
async def test_money_that_was_not_taken_does_not_go_back(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    before = REFUND_SHORTFALL._value.get()

    await desk.follow_booking([change(booking_id, refund=99_000)])
    await desk.attend.due()

    assert REFUND_SHORTFALL._value.get() == before + 1
    assert [movement.amount for movement in desk.charges("refund")] == [25_000]
    assert await desk.state(payment.id) == "refunded"


@pytest.mark.covers("Y9")
async def test_what_a_manager_gave_back_before_booking_heard_of_it_is_not_missing(desk):
    """Booking called the visit off by what it knew, and asks for more than is left."""
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    await desk.refund(payment, 10_000)
    before = REFUND_SHORTFALL._value.get()

    await desk.follow_booking([change(booking_id, refund=25_000)])
    await desk.attend.due()

    assert REFUND_SHORTFALL._value.get() == before
    assert sorted(movement.amount for movement in desk.charges("refund")) == [10_000, 15_000]


@pytest.mark.covers("Y9")
async def test_what_a_manager_is_about_to_give_back_is_not_missing(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=503)
    await desk.refund(payment, 10_000)
    before = REFUND_SHORTFALL._value.get()

    await desk.follow_booking([change(booking_id, refund=25_000)])

    assert REFUND_SHORTFALL._value.get() == before


@pytest.mark.covers("Y9")
async def test_a_managers_refund_that_failed_explains_nothing_that_is_missing(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=400)
    await desk.refund(payment, 10_000)
    before = REFUND_SHORTFALL._value.get()

    await desk.follow_booking([change(booking_id, refund=30_000)])

    assert REFUND_SHORTFALL._value.get() == before + 1


@pytest.mark.covers("Y9")
async def test_what_booking_asked_for_before_does_not_explain_what_is_missing(desk):
    booking_id = desk.booked()
    await desk.pay(booking_id)
    before = REFUND_SHORTFALL._value.get()

    await desk.follow_booking([change(booking_id, refund=25_000)])
    await desk.follow_booking([change(booking_id, Happening.REFUND_DUE, refund=5_000, revision=6)])

    assert REFUND_SHORTFALL._value.get() == before + 1


@pytest.mark.covers("Y9")
async def test_a_refund_is_made_once_the_provider_is_back(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    desk.moyasar.fault("status", code=503, times=2)

    await desk.follow_booking([change(booking_id, refund=25_000)])
    await desk.attend.due()
    assert await desk.state(payment.id) == "captured"
    await desk.look_at_everything()
    await desk.look_at_everything()

    assert [movement.amount for movement in desk.charges("refund")] == [25_000]


@pytest.mark.covers("Y5")
async def test_a_refund_whose_process_stood_still_is_left_to_whoever_looks_next(desk):
    """It had written down that the refund leaves; meanwhile somebody else may take it for one that got lost."""
    booking_id = desk.booked()
    await desk.pay(booking_id)
    await desk.follow_booking([change(booking_id, refund=10_000)])
    async with desk.database.transaction() as holder:
        await holder.execute("SELECT 1 FROM movements FOR UPDATE")
        attending = asyncio.create_task(desk.attend.due())
        await eventually(lambda: _waits_for_a_lock(desk))
        desk.clock.advance(timedelta(minutes=1))
    await attending
    assert desk.charges("refund") == []

    desk.clock.advance(timedelta(minutes=1))
    await desk.look_at_everything()
    assert [movement.amount for movement in desk.charges("refund")] == [10_000]


@pytest.mark.covers("Y9")
async def test_a_refund_that_is_asked_for_while_somebody_looks_has_a_look_of_its_own(desk):
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    began_at = desk.clock.now()
    async with desk.assembly.conversations.hold(UUID(payment.id), timedelta(0)):
        desk.clock.advance(timedelta(milliseconds=200))
        await desk.follow_booking([change(booking_id, refund=10_000)])
        async with desk.assembly.begin() as work:
            await work.looked(UUID(payment.id), Look(began_at, desk.clock.now(), next_at=None))

    await desk.attend.due()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]


@dataclass(frozen=True)
class Hesitant:
    """The provider, behind a network that holds refunds back until they may go."""

    inner: Provider
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    may_go: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def refund(self, handle, amount):
        self.reached.set()
        await self.may_go.wait()
        return await self.inner.refund(handle, amount)


@pytest.mark.covers("Y5")
async def test_two_who_both_believe_to_hold_the_conversation_send_a_refund_once(desk):
    """A restart of PostgreSQL drops the lock of somebody who goes on, and lets the next one in."""
    booking_id = desk.booked()
    payment = await desk.pay(booking_id)
    await desk.follow_booking([change(booking_id, refund=10_000)])
    talk = desk.assembly.talk
    other = replace(talk, provider=Hesitant(talk.provider))
    transactions, looks = count(1), []

    @asynccontextmanager
    async def begin_after_the_other_one_has_sent():
        if (
            next(transactions) == 4
        ):  # after reading, catching up and finding the refund: writing that it leaves
            looks.append(asyncio.create_task(other.look(UUID(payment.id))))
            await other.provider.reached.wait()
        async with desk.assembly.begin() as work:
            yield work

    await replace(talk, begin=begin_after_the_other_one_has_sent).look(UUID(payment.id))
    other.provider.may_go.set()
    await asyncio.gather(*looks)

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]


async def _waits_for_a_lock(desk):
    return await desk.rows(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
