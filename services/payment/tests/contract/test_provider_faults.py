"""What the provider's bad days do to a payment (Y4, Y5)."""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi_chassis.money import Money
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused
from kursi_payment.ports import Charge, Source
from kursi_simulators import credentials

Payment = payment_pb2.Payment
CALLBACK = "https://app.test/paid"


@pytest.mark.usefixtures("impatience")
@pytest.mark.covers("Y4", "Y5")
@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("timeout_after_accept", {}),
        ("reset_after_accept", {}),
        ("garbage", {}),
        ("status_after_accept", {"code": 500}),
        ("status_after_accept", {"code": 503}),
        ("status_after_accept", {"code": 502, "body": "<html>bad gateway</html>"}),
    ],
)
async def test_a_lost_answer_is_found_out_by_asking(desk, fault, options):
    desk.moyasar.fault(fault, method="POST", path="/v1/payments", **options)

    payment = await desk.pay()

    assert payment.state == Payment.CAPTURED
    assert len(desk.charges()) == 1


@pytest.mark.covers("Y5")
async def test_an_outcome_that_nobody_knows_stays_open_until_somebody_does(desk):
    request = await desk.request(desk.booked())
    desk.moyasar.fault("reset_after_accept", method="POST", path="/v1/payments")
    desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=500, times=2)

    payment = await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    assert payment.state == Payment.CREATED
    assert (await desk.get(payment)).state == Payment.CREATED

    retried = await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    again = await desk.stub.CreatePayment(request, metadata=desk.as_customer())

    assert retried.id == payment.id
    assert retried.state == Payment.CAPTURED
    assert again == retried
    assert len(desk.charges()) == 1
    assert await desk.events(payment.id) == ["captured"]


@pytest.mark.covers("Y2")
async def test_a_key_whose_outcome_is_open_belongs_to_its_request_too(desk):
    request = await desk.request(desk.booked())
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    request.authorize_only = True

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await desk.stub.CreatePayment(request, metadata=desk.as_customer())

    assert refused(error.value).reason == "REQUEST_ID_REUSED"


@pytest.mark.covers("Y5")
async def test_a_retry_gives_the_same_order_again_when_the_first_never_arrived(desk):
    request = await desk.request(desk.booked())
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")

    open_payment = await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    retried = await desk.stub.CreatePayment(request, metadata=desk.as_customer())

    orders = [
        attempt.handle for attempt in desk.moyasar.attempts(method="POST") if attempt.path == "/v1/payments"
    ]
    assert open_payment.state == Payment.CREATED
    assert retried.state == Payment.CAPTURED
    assert len(orders) == 2
    assert len(set(orders)) == 1
    assert len(desk.charges()) == 1


@pytest.mark.covers("Y5")
async def test_never_heard_of_it_counts_as_not_charged_only_after_the_safe_time(desk):
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    payment = await desk.pay()

    await desk.look_at_everything()
    assert await desk.state(payment.id) == "created"

    desk.clock.advance(timedelta(minutes=2))
    await desk.look_at_everything()

    assert (await desk.get(payment)).failure_reason == "NOT_RECEIVED"
    assert await desk.events(payment.id) == ["failed"]
    assert not desk.charges()


@pytest.mark.covers("Y4")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"code": 429, "retry_after": "7"}, "PROVIDER_UNAVAILABLE"),
        ({"code": 401}, "PROVIDER_UNAVAILABLE"),
        ({"code": 403, "body": "<html>1010</html>"}, "PROVIDER_UNAVAILABLE"),
        ({"code": 400, "body": {"type": "invalid_request_error"}}, "PROVIDER_REFUSED"),
    ],
)
async def test_a_request_that_the_provider_turned_away_has_failed(desk, options, reason):
    desk.moyasar.fault("status", method="POST", path="/v1/payments", **options)
    booking_id = desk.booked()

    failed = await desk.pay(booking_id)
    paid = await desk.pay(booking_id)

    assert (failed.state, failed.failure_reason) == (Payment.FAILED, reason)
    assert paid.state == Payment.CAPTURED


@pytest.mark.covers("Y5")
async def test_being_turned_away_says_nothing_of_an_earlier_try(desk):
    request = await desk.request(desk.booked())
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    desk.moyasar.fault("status", method="POST", path="/v1/payments", code=429, nth=1)

    await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    retried = await desk.stub.CreatePayment(request, metadata=desk.as_customer())

    assert retried.state == Payment.CREATED


@pytest.mark.covers("Y4")
async def test_a_question_that_meets_429_waits_as_long_as_the_provider_says(desk):
    payment = await desk.pay(source=pb2.Source(token=await desk.token(verified=False)))
    desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=429, retry_after="3600")

    await desk.look_at_everything()

    ((next_look,),) = await desk.rows("SELECT next_look_at FROM payments WHERE id = %s", payment.id)
    assert next_look == desk.clock.now() + timedelta(hours=1)


@pytest.mark.usefixtures("impatience")
@pytest.mark.covers("Y4")
@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("timeout_after_accept", {}),
        ("garbage", {}),
        ("status_after_accept", {"code": 500}),
        ("reset_after_accept", {}),
    ],
)
async def test_a_refund_whose_answer_is_lost_is_not_repeated(desk, fault, options):
    payment = await desk.pay()
    desk.moyasar.fault(fault, method="POST", path="/v1/payments/*/refund", **options)

    refunded = await desk.refund(payment, 10_000)

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]
    assert refunded.refunded.amount_minor == 10_000
    assert [refund.state for refund in refunded.refunds] == [payment_pb2.Refund.SUCCEEDED]


@pytest.mark.covers("Y4")
async def test_a_refund_that_may_be_at_work_is_sent_again_only_after_the_safe_time(desk):
    payment = await desk.pay()
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/refund")

    pending = await desk.refund(payment, 10_000)
    await desk.look_at_everything()
    sent = [attempt for attempt in desk.moyasar.attempts(method="POST") if attempt.path.endswith("/refund")]
    assert pending.refunds[0].state == payment_pb2.Refund.PENDING
    assert len(sent) == 1

    desk.clock.advance(timedelta(minutes=2))
    await desk.look_at_everything()

    assert [movement.amount for movement in desk.charges("refund")] == [10_000]
    assert (await desk.get(payment)).refunded.amount_minor == 10_000


@pytest.mark.covers("Y4")
async def test_a_refund_that_was_turned_away_for_now_goes_on_by_itself(desk):
    payment = await desk.pay()
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=429, retry_after="5")

    pending = await desk.refund(payment)
    await desk.look_at_everything()

    assert pending.refunds[0].state == payment_pb2.Refund.PENDING
    assert (await desk.get(payment)).state == Payment.REFUNDED


@pytest.mark.covers("Y4")
async def test_totals_that_fit_no_story_are_left_to_a_person(desk):
    payment = await desk.pay()
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/refund")
    await desk.refund(payment, 10_000)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    await desk.http.send(
        "POST",
        f"/payments/{theirs.id}/refund",
        json={"amount": 3_000},
        auth=(credentials.MOYASAR_SECRET_KEY, ""),
    )
    desk.clock.advance(timedelta(minutes=2))

    async def flagged():
        """On a busy machine the provider's answer may come too late for one look."""
        await desk.look_at_everything()
        return (await desk.rows("SELECT flagged FROM payments WHERE id = %s", payment.id))[0][0]

    assert await eventually(flagged) == "REFUND_UNCLEAR"
    assert await desk.rows("SELECT count(*) FROM audit WHERE action = 'payment_flagged'") == [(1,)]
    assert [movement.amount for movement in desk.charges("refund")] == [3_000]


@pytest.mark.covers("Y9")
async def test_a_refund_that_the_provider_refuses_for_good_is_left_to_a_person(desk):
    """Whoever called the visit off is told that the money comes back, and nobody of us tries again."""
    payment = await desk.pay()
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=400)

    (refund,) = (await desk.refund(payment, 10_000)).refunds

    assert refund.state == payment_pb2.Refund.FAILED
    assert await desk.rows("SELECT flagged, refunding_minor FROM payments") == [("REFUND_REFUSED", 0)]
    assert await desk.rows("SELECT count(*) FROM audit WHERE action = 'payment_flagged'") == [(1,)]


PAGE = "<html>404 Not Found</html>"


@pytest.mark.covers("Y5")
async def test_a_page_of_somebody_in_between_does_not_say_that_nothing_was_charged(desk):
    desk.moyasar.fault("reset_after_accept", method="POST", path="/v1/payments")
    desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=404, body=PAGE, times=2)
    payment = await desk.pay()
    desk.clock.advance(timedelta(minutes=2))

    await desk.look_at_everything()
    assert await desk.state(payment.id) == "created"

    await desk.look_at_everything()
    assert await desk.state(payment.id) == "captured"


@pytest.mark.covers("Y4")
async def test_a_page_of_somebody_in_between_does_not_end_a_refund(desk):
    payment = await desk.pay()
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=404, body=PAGE)

    await desk.refund(payment)
    await desk.look_at_everything()

    assert (await desk.get(payment)).state == Payment.REFUNDED


@pytest.mark.covers("Y5")
async def test_an_order_whose_process_stood_still_does_not_leave_any_more(desk):
    """By the time that it goes on, somebody may have taken the charge for one that never arrived."""
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments")
    payment = await desk.pay()
    desk.clock.advance(timedelta(seconds=1))

    @asynccontextmanager
    async def stand_still_once_the_order_is_written_down():
        async with desk.assembly.begin() as work:
            yield work
        ((sent_at,),) = await desk.rows("SELECT sent_at FROM payments")
        desk.clock.advance(timedelta(minutes=int(sent_at == desk.clock.now())))

    talk = replace(desk.assembly.talk, begin=stand_still_once_the_order_is_written_down)
    charge = await charge_of(desk, payment)
    await talk.order(UUID(payment.id), charge)

    assert len(desk.moyasar.attempts(method="POST", handle=str(charge.handle))) == 1
    assert await desk.state(payment.id) == "created"


async def charge_of(desk, payment):
    ((handle, minor),) = await desk.rows(
        "SELECT handle, amount_minor FROM payments WHERE id = %s", payment.id
    )
    return Charge(
        handle=handle,
        amount=Money("SAR", minor),
        source=Source("token", await desk.token()),
        callback_url=CALLBACK,
        authorize_only=False,
        payment_id=UUID(payment.id),
        booking_id=UUID(payment.booking_id),
    )
