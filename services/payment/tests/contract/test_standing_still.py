"""A process that stood still between what the provider said and what it made of it (Y5).

It keeps its conversation, unless PostgreSQL was restarted meanwhile; then somebody else may have had it since.
"""

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi_chassis.money import Money
from kursi_payment.domain.standing import NotDone
from kursi_payment.ports import Begin, Charge, Provider, Source, Work

Payment = payment_pb2.Payment
CALLBACK = "https://app.test/paid"
SAFE_TIME = timedelta(minutes=2)


@dataclass(frozen=True)
class Meanwhile:
    """The provider, after whose answers something happens before anybody of ours goes on."""

    inner: Provider
    happens: Callable[[], Awaitable[None]]

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def find(self, handle):
        finding = await self.inner.find(handle)
        await self.happens()
        return finding


@dataclass(frozen=True)
class TurnedAway:
    """The provider, too busy for anything that moves money; something happens before anybody of ours hears of it."""

    inner: Provider
    answer: NotDone
    happens: Callable[[], Awaitable[None]]

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def charge(self, charge):
        await self.happens()
        return self.answer

    async def refund(self, handle, amount):
        await self.happens()
        return self.answer


@dataclass
class Watched:
    """A transaction that remembers whether movements were read in it."""

    inner: Work
    has_read: bool = False

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def movements(self, payment_id):
        self.has_read = True
        return await self.inner.movements(payment_id)


def then(begin: Begin, happens: Callable[[], Awaitable[None]]) -> Begin:
    """Transactions, after which something happens when movements were read in them."""

    @asynccontextmanager
    async def watched():
        async with begin() as work:
            seen = Watched(work)
            yield seen
        if seen.has_read:
            await happens()

    return watched


def once(step):
    """The step when it is first called, and nothing from then on."""
    left = [step]

    async def take():
        while left:
            await left.pop()()

    return take


async def handle_of(desk, payment):
    ((handle,),) = await desk.rows("SELECT handle FROM payments WHERE id = %s", payment.id)
    return handle


async def charge_of(desk, payment, token=None):
    return Charge(
        handle=await handle_of(desk, payment),
        amount=Money("SAR", payment.amount.amount_minor),
        source=Source("token", token or await desk.token()),
        callback_url=CALLBACK,
        authorize_only=False,
        payment_id=UUID(payment.id),
        booking_id=UUID(payment.booking_id),
    )


@pytest.mark.covers("Y5")
async def test_a_refund_that_landed_while_its_process_stood_still_is_not_sent_again(desk):
    """What the provider said before is no reason to repeat a request that it had not finished then."""
    payment = await desk.pay()
    handle = await handle_of(desk, payment)
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/refund")
    await desk.refund(payment, 10_000)
    talk = desk.assembly.talk

    async def it_lands_late():
        await talk.provider.refund(handle, Money("SAR", 10_000))
        desk.clock.advance(SAFE_TIME)

    await replace(talk, provider=Meanwhile(talk.provider, once(it_lands_late))).look(UUID(payment.id))
    await desk.look_at_everything()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]
    assert (await desk.get(payment)).refunded.amount_minor == 10_000


@pytest.mark.covers("Y5")
async def test_a_charge_that_landed_while_its_process_stood_still_counts(desk):
    """That the provider had never heard of it was said while the order could still arrive."""
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    payment = await desk.pay()
    charge = await charge_of(desk, payment)
    talk = desk.assembly.talk

    async def it_lands_late():
        await talk.provider.charge(charge)
        desk.clock.advance(SAFE_TIME)

    await replace(talk, provider=Meanwhile(talk.provider, once(it_lands_late))).look(UUID(payment.id))
    await desk.look_at_everything()

    assert await desk.state(payment.id) == "captured"
    assert len(desk.charges()) == 1


@pytest.mark.covers("Y7")
async def test_a_customer_who_pays_in_time_while_a_process_stands_still_is_not_late(desk):
    payment = await desk.pay(source=pb2.Source(token=await desk.token(verified=False)))
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    talk = desk.assembly.talk

    async def they_pay():
        desk.moyasar.decide(theirs.id, "approve")
        desk.clock.advance(timedelta(minutes=30))

    await replace(talk, provider=Meanwhile(talk.provider, once(they_pay))).look(UUID(payment.id))
    await desk.look_at_everything()

    assert await desk.events(payment.id) == ["pending", "captured"]


async def refund_to_be_sent(desk):
    """A payment of which a refund has not reached the provider, and may be sent again by now."""
    payment = await desk.pay()
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/refund")
    await desk.refund(payment, 10_000)
    desk.clock.advance(SAFE_TIME)
    return payment


@pytest.mark.covers("Y5")
async def test_who_lost_the_conversation_sends_no_refund_that_was_sent_since(desk):
    payment = await refund_to_be_sent(desk)
    talk = desk.assembly.talk

    async def somebody_else_sends_it():
        await talk.look(UUID(payment.id))

    late = replace(talk, begin=then(talk.begin, once(somebody_else_sends_it)))
    await late.look(UUID(payment.id))

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]
    assert (await desk.get(payment)).refunded.amount_minor == 10_000


async def never_sent(desk):
    """A payment whose process died before it told the provider."""
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    payment = await desk.pay()
    async with desk.database.transaction() as connection:
        await connection.execute("UPDATE payments SET sent_at = NULL")
    return payment


@pytest.mark.covers("Y5")
async def test_a_charge_that_was_ordered_since_the_provider_was_asked_counts(desk):
    payment = await never_sent(desk)
    charge = await charge_of(desk, payment)
    talk = desk.assembly.talk

    async def somebody_else_orders_it():
        desk.moyasar.fault("reset_after_accept", method="POST", path="/v1/payments")
        desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=503)
        await talk.order(charge.payment_id, charge)

    asking = Meanwhile(talk.provider, once(somebody_else_orders_it))
    await replace(talk, provider=asking).look(charge.payment_id)
    await desk.look_at_everything()

    assert await desk.state(payment.id) == "captured"


@pytest.mark.covers("Y5")
async def test_who_is_turned_away_late_leaves_a_charge_to_whoever_has_ordered_it_since(desk):
    payment = await never_sent(desk)
    charge = await charge_of(desk, payment, await desk.token(verified=False))
    talk = desk.assembly.talk

    async def somebody_else_orders_it():
        desk.clock.advance(SAFE_TIME / 4)
        await talk.order(charge.payment_id, charge)

    late = TurnedAway(talk.provider, NotDone("busy", is_final=False), once(somebody_else_orders_it))
    await replace(talk, provider=late).order(charge.payment_id, charge)

    assert await desk.state(payment.id) == "pending_action"


@pytest.mark.covers("Y5")
async def test_who_is_turned_away_late_does_not_end_a_charge_that_was_ordered_since_without_an_answer(desk):
    payment = await never_sent(desk)
    charge = await charge_of(desk, payment)
    talk = desk.assembly.talk

    async def somebody_else_orders_it():
        desk.clock.advance(SAFE_TIME / 4)
        desk.moyasar.fault("reset_after_accept", method="POST", path="/v1/payments")
        desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=503, times=2)
        await talk.order(charge.payment_id, charge)

    late = TurnedAway(talk.provider, NotDone("busy", is_final=False), once(somebody_else_orders_it))
    await replace(talk, provider=late).order(charge.payment_id, charge)
    await desk.look_at_everything()

    assert await desk.state(payment.id) == "captured"
    assert len(desk.charges()) == 1


@pytest.mark.covers("Y5")
@pytest.mark.parametrize("is_final", [False, True])
async def test_who_is_turned_away_late_leaves_a_refund_to_whoever_has_sent_it_since(desk, is_final):
    payment = await refund_to_be_sent(desk)
    talk = desk.assembly.talk

    async def somebody_else_sends_it():
        desk.clock.advance(SAFE_TIME)
        desk.moyasar.fault("reset_after_accept", method="POST", path="/v1/payments/*/refund")
        desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=503, nth=2)
        await talk.look(UUID(payment.id))

    answer = NotDone("busy", is_final=is_final)
    late = TurnedAway(talk.provider, answer, once(somebody_else_sends_it))
    await replace(talk, provider=late).look(UUID(payment.id))
    await desk.look_at_everything()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]
    refunded = await desk.get(payment)
    assert [refund.state for refund in refunded.refunds] == [payment_pb2.Refund.SUCCEEDED]
    assert await desk.rows("SELECT flagged FROM payments") == [("",)]
