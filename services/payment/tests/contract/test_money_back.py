"""Capturing, voiding, refunding (Y4), never more than there is."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused
from kursi_simulators import credentials

Payment = payment_pb2.Payment


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


def sar(minor):
    return money_pb2.Money(currency_code="SAR", amount_minor=minor)


async def capture(desk, payment, **changes):
    request = pb2.CapturePaymentRequest(**{"payment_id": payment.id, "request_id": str(new_id()), **changes})
    return await desk.stub.CapturePayment(request, metadata=desk.as_manager())


async def void(desk, payment, **changes):
    request = pb2.VoidPaymentRequest(**{"payment_id": payment.id, "request_id": str(new_id()), **changes})
    return await desk.stub.VoidPayment(request, metadata=desk.as_manager())


@pytest.mark.covers("Y4")
async def test_a_reserved_amount_is_captured_whole_or_in_part(desk):
    whole, part = await desk.pay(authorize_only=True), await desk.pay(authorize_only=True)
    assert (whole.state, whole.captured.amount_minor) == (Payment.AUTHORIZED, 0)

    whole, part = await capture(desk, whole), await capture(desk, part, amount=sar(10_000))

    assert (whole.state, whole.captured.amount_minor) == (Payment.CAPTURED, 25_000)
    assert (part.state, part.captured.amount_minor) == (Payment.CAPTURED, 10_000)
    assert [movement.amount for movement in desk.charges("capture")] == [25_000, 10_000]
    assert await desk.events(part.id) == ["authorized", "captured"]


@pytest.mark.covers("Y4")
async def test_a_reserved_amount_is_given_up(desk):
    payment = await void(desk, await desk.pay(authorize_only=True))

    assert payment.state == Payment.VOIDED
    assert len(desk.charges("void")) == 1
    assert await desk.events(payment.id) == ["authorized", "voided"]


@pytest.mark.covers("Y4")
async def test_money_goes_back_in_part_and_then_whole(desk):
    payment = await desk.pay()

    part = await desk.refund(payment, 10_000)
    rest = await desk.refund(payment)

    assert (part.state, part.refunded.amount_minor) == (Payment.PARTIALLY_REFUNDED, 10_000)
    assert (rest.state, rest.refunded.amount_minor) == (Payment.REFUNDED, 25_000)
    assert [(refund.amount.amount_minor, refund.reason) for refund in rest.refunds] == [
        (10_000, "asked for"),
        (15_000, "asked for"),
    ]
    assert [movement.amount for movement in desk.charges("refund")] == [10_000, 15_000]
    assert await desk.events(payment.id) == ["captured", "refunded", "refunded"]


@pytest.mark.parametrize("act", [capture, void])
async def test_only_a_reservation_can_be_captured_or_given_up(desk, act):
    error = await refusal(act(desk, await desk.pay()))

    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION")


async def test_only_captured_money_can_go_back(desk):
    error = await refusal(desk.refund(await desk.pay(authorize_only=True)))

    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ILLEGAL_TRANSITION")


async def test_not_more_than_was_authorised_is_captured(desk):
    payment = await desk.pay(authorize_only=True)

    error = await refusal(capture(desk, payment, amount=sar(25_001)))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "AMOUNT_TOO_LARGE")


async def test_not_more_than_is_left_goes_back(desk):
    payment = await desk.pay()
    await desk.refund(payment, 20_000)

    error = await refusal(desk.refund(payment, 5_001))

    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REFUND_TOO_LARGE")
    assert error.metadata["refundableMinor"] == "5000"
    assert error.text == "At most 50.00 SAR can be refunded."


@pytest.mark.parametrize("minor", [0, -1])
async def test_an_amount_is_positive(desk, minor):
    error = await refusal(desk.refund(await desk.pay(), minor))

    assert error.code == grpc.StatusCode.INVALID_ARGUMENT


async def test_another_currency_is_no_amount_of_this_payment(desk):
    payment = await desk.pay()
    request = pb2.RefundPaymentRequest(
        payment_id=payment.id, amount={"currency_code": "EUR", "amount_minor": 1}
    )

    error = await refusal(desk.stub.RefundPayment(request, metadata=desk.as_manager()))

    assert error.violations == {"amount.currencyCode": "OTHER_CURRENCY"}


async def test_an_action_on_a_payment_that_changed_meanwhile_is_refused(desk):
    payment = await desk.pay()
    await desk.refund(payment, 1_000)

    error = await refusal(desk.refund(payment, 1_000, etag=payment.etag))

    assert (error.code, error.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


@pytest.mark.covers("Y2")
async def test_the_same_refund_again_gives_the_first_answer(desk):
    payment = await desk.pay()
    key = str(new_id())

    answers = await asyncio.gather(*(desk.refund(payment, 1_000, request_id=key) for _ in range(10)))
    await desk.refund(payment, 2_000)
    late = await desk.refund(payment, 1_000, request_id=key)

    assert [movement.amount for movement in desk.charges("refund")] == [1_000, 2_000]
    assert all(answer == late for answer in answers)
    assert (await refusal(desk.refund(payment, 3_000, request_id=key))).reason == "REQUEST_ID_REUSED"


@pytest.mark.covers("Y4")
async def test_twenty_concurrent_partial_refunds_never_exceed_what_was_captured(desk):
    payment = await desk.pay(desk.booked(25_000))

    outcomes = await asyncio.gather(*(desk.refund(payment, 3_000) for _ in range(20)), return_exceptions=True)

    refusals = [refused(error) for error in outcomes if isinstance(error, grpc.aio.AioRpcError)]
    assert sum(movement.amount for movement in desk.charges("refund")) == 24_000
    assert (await desk.get(payment)).refunded.amount_minor == 24_000
    assert [error.reason for error in refusals] == ["REFUND_TOO_LARGE"] * 12


@pytest.mark.covers("Y2", "Y8")
async def test_one_key_for_refunds_of_several_payments_at_once_counts_for_one_of_them(desk):
    payments = [await desk.pay() for _ in range(8)]

    outcomes = await asyncio.gather(
        *(desk.refund(payment, 1_000, request_id="one-key") for payment in payments), return_exceptions=True
    )

    refusals = [refused(error) for error in outcomes if isinstance(error, grpc.aio.AioRpcError)]
    assert [error.reason for error in refusals] == ["REQUEST_ID_REUSED"] * 7
    assert sum(movement.amount for movement in desk.charges("refund")) == 1_000
    assert await desk.rows("SELECT sum(refunding_minor), sum(refunded_minor) FROM payments") == [(0, 1_000)]


async def test_a_refund_that_the_provider_will_not_make_frees_its_amount(desk):
    payment = await desk.pay()
    desk.moyasar.fault(
        "status",
        method="POST",
        path="/v1/payments/*/refund",
        code=400,
        body={"type": "invalid_request_error"},
    )

    failed = await desk.refund(payment, 25_000)
    done = await desk.refund(payment, 25_000)

    assert [refund.state for refund in failed.refunds] == [payment_pb2.Refund.FAILED]
    assert done.state == Payment.REFUNDED


async def test_a_capture_that_the_provider_will_not_make_is_said_to_be_impossible(desk):
    payment = await desk.pay(authorize_only=True)
    desk.moyasar.fault(
        "status",
        method="POST",
        path="/v1/payments/*/capture",
        code=400,
        body={"type": "invalid_request_error"},
    )

    error = await refusal(capture(desk, payment))

    assert error.reason == "ILLEGAL_TRANSITION"
    assert (await desk.get(payment)).state == Payment.AUTHORIZED


@pytest.mark.parametrize("what", ["capture", "void"])
async def test_a_decision_whose_answer_is_lost_is_not_repeated(desk, what):
    payment = await desk.pay(authorize_only=True)
    desk.moyasar.fault("reset_after_accept", method="POST", path=f"/v1/payments/*/{what}")

    decided = await {"capture": capture, "void": void}[what](desk, payment)

    assert decided.state in (Payment.CAPTURED, Payment.VOIDED)
    assert len(desk.charges(what)) == 1


@pytest.mark.covers("Y5")
@pytest.mark.parametrize("what", ["capture", "void"])
async def test_what_became_of_a_decision_is_asked_soon_when_every_answer_was_lost(desk, what):
    payment = await desk.pay(authorize_only=True)
    desk.moyasar.fault("reset_after_accept", method="POST", path=f"/v1/payments/*/{what}")
    # The first question comes before the request, the second one right after it.
    desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=500, nth=2)
    error = await refusal({"capture": capture, "void": void}[what](desk, payment))
    assert error.reason == "REQUEST_IN_PROGRESS"

    desk.clock.advance(timedelta(seconds=15))
    await desk.attend.due()

    assert await desk.state(payment.id) == {"capture": "captured", "void": "voided"}[what]
    assert len(desk.charges(what)) == 1


@pytest.mark.covers("Y5")
async def test_who_asks_again_and_again_does_not_put_off_that_a_capture_is_repeated(desk):
    payment = await desk.pay(authorize_only=True)
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/capture")
    key = str(new_id())
    await refusal(capture(desk, payment, request_id=key))
    desk.clock.advance(timedelta(seconds=110))
    await refusal(capture(desk, payment, request_id=key))

    desk.clock.advance(timedelta(seconds=15))
    await desk.attend.due()

    assert await desk.state(payment.id) == "captured"
    assert len(desk.charges("capture")) == 1


async def test_a_decision_that_is_still_open_is_in_progress(desk):
    payment = await desk.pay(authorize_only=True)
    desk.moyasar.fault("reset_before_accept", method="POST", path="/v1/payments/*/capture")
    key = str(new_id())

    first = await refusal(capture(desk, payment, request_id=key))
    other = await refusal(void(desk, payment))
    desk.clock.advance(timedelta(minutes=2))
    again = await capture(desk, payment, request_id=key)

    assert (first.code, first.reason) == (grpc.StatusCode.ABORTED, "REQUEST_IN_PROGRESS")
    assert other.reason == "ILLEGAL_TRANSITION"
    assert again.state == Payment.CAPTURED
    assert len(desk.charges("capture")) == 1


async def test_what_somebody_does_at_the_providers_dashboard_is_followed(desk):
    payment = await desk.pay()
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    await desk.http.send(
        "POST",
        f"/payments/{theirs.id}/refund",
        json={"amount": 4_000},
        auth=(credentials.MOYASAR_SECRET_KEY, ""),
    )

    after = await desk.refund(payment, 1_000)

    assert after.refunded.amount_minor == 5_000
    assert sorted((refund.amount.amount_minor, refund.reason) for refund in after.refunds) == [
        (1_000, "asked for"),
        (4_000, "made_at_provider"),
    ]


async def test_whose_payment_it_is_decides_who_sees_it(desk):
    payment = await desk.pay()
    request = pb2.GetPaymentRequest(payment_id=payment.id)

    for_manager = await desk.stub.GetPayment(request, metadata=desk.as_manager())
    stranger = await refusal(desk.stub.GetPayment(request, metadata=desk.as_customer(new_id())))
    staff = await refusal(desk.stub.GetPayment(request, metadata=desk.as_manager(role=Role.STAFF)))
    other_salon = await refusal(desk.stub.GetPayment(request, metadata=desk.as_manager(new_id())))

    assert for_manager == payment
    assert {error.reason for error in (stranger, staff, other_salon)} == {"PAYMENT_NOT_FOUND"}


@pytest.mark.covers("7")
@pytest.mark.parametrize("method", ["RefundPayment", "CapturePayment", "VoidPayment"])
async def test_money_is_moved_by_managers_of_the_salon(desk, method):
    payment = await desk.pay()
    request = getattr(pb2, f"{method}Request")(payment_id=payment.id)

    others = (desk.as_customer(), desk.as_manager(role=Role.STAFF), desk.as_manager(new_id()))
    refusals = [await refusal(getattr(desk.stub, method)(request, metadata=other)) for other in others]
    nobody = await refusal(getattr(desk.stub, method)(request))

    assert [one.reason for one in refusals] == ["PAYMENT_NOT_FOUND"] * 3
    assert nobody.code == grpc.StatusCode.UNAUTHENTICATED
    assert not desk.charges("refund")


@pytest.mark.covers("Y13")
@pytest.mark.parametrize("place", ["request_id", "etag", "payment_id", "reason"])
@pytest.mark.parametrize("method", ["RefundPayment", "CapturePayment", "VoidPayment"])
async def test_a_card_number_in_a_request_that_moves_money_is_refused_and_not_kept(desk, method, place):
    message = getattr(pb2, f"{method}Request")
    fields = {"payment_id": str(new_id()), place: "4111111111111111"}
    request = message(
        **{name: text for name, text in fields.items() if name in message.DESCRIPTOR.fields_by_name}
    )

    error = await refusal(getattr(desk.stub, method)(request, metadata=desk.as_manager()))

    has_place = place in message.DESCRIPTOR.fields_by_name
    assert error.reason == ("CARD_NUMBER_REFUSED" if has_place else "PAYMENT_NOT_FOUND")
    assert "4111111111111111" not in error.text


async def test_payments_are_listed_newest_first_page_by_page(desk):
    made = [await desk.pay() for _ in range(3)]
    await desk.refund(made[2], 1_000)

    first = await desk.stub.ListPayments(pb2.ListPaymentsRequest(page_size=2), metadata=desk.as_customer())
    second = await desk.stub.ListPayments(
        pb2.ListPaymentsRequest(page_size=2, page_token=first.next_page_token), metadata=desk.as_customer()
    )

    assert [payment.id for payment in (*first.payments, *second.payments)] == [
        made[2].id,
        made[1].id,
        made[0].id,
    ]
    assert [len(payment.refunds) for payment in first.payments] == [1, 0]
    assert second.next_page_token == ""


async def test_a_list_shows_ones_own_or_a_salon_that_one_manages(desk):
    payment = await desk.pay()
    of_salon = pb2.ListPaymentsRequest(
        salon_id=str(desk.salon), states=[Payment.CAPTURED], booking_id=payment.booking_id
    )

    for_manager = await desk.stub.ListPayments(of_salon, metadata=desk.as_manager())
    strangers = await desk.stub.ListPayments(pb2.ListPaymentsRequest(), metadata=desk.as_customer(new_id()))
    refused_list = await refusal(desk.stub.ListPayments(of_salon, metadata=desk.as_customer()))

    assert [found.id for found in for_manager.payments] == [payment.id]
    assert not strangers.payments
    assert refused_list.reason == "ROLE_REQUIRED"


async def test_every_change_is_in_the_audit_trail(desk):
    payment = await desk.pay()
    await desk.refund(payment)

    rows = await desk.rows("SELECT action FROM audit WHERE target_id = %s ORDER BY id", payment.id)

    assert [action for (action,) in rows] == [
        "payment_created",
        "payment_captured",
        "payment_captured",
        "payment_refund_asked",
        "payment_refunded",
    ]
