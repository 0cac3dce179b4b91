"""Paying for a booking (Y1), once (Y2), with every source."""

import asyncio

import grpc
import pytest
from kursi.booking.v1 import booking_pb2
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused

Payment = payment_pb2.Payment


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


def sar(minor):
    return money_pb2.Money(currency_code="SAR", amount_minor=minor)


@pytest.mark.covers("Y1")
async def test_the_amount_comes_from_the_booking(desk):
    payment = await desk.pay(desk.booked(25_000))

    assert payment.state == Payment.CAPTURED
    assert payment.amount.amount_minor == payment.captured.amount_minor == 25_000
    assert payment.card_last_four == "1010"
    assert [movement.amount for movement in desk.charges()] == [25_000]
    assert await desk.events(payment.id) == ["captured"]


@pytest.mark.covers("Y1")
@pytest.mark.parametrize(
    ("purpose", "is_full", "due"),
    [
        (Payment.DEPOSIT, False, 25_000),
        (Payment.FULL, True, 25_000),
        (Payment.BALANCE, False, 60_000),
        (Payment.NO_SHOW_FEE, False, 9_000),
    ],
)
async def test_each_purpose_has_its_amount(desk, purpose, is_full, due):
    payment = await desk.pay(desk.booked(25_000, is_full=is_full, balance=60_000, fee=9_000), purpose=purpose)

    assert (payment.purpose, payment.amount.amount_minor) == (purpose, due)


@pytest.mark.covers("Y1")
async def test_a_client_that_sends_another_amount_is_refused(desk):
    error = await refusal(desk.pay(desk.booked(25_000), amount=sar(100)))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "AMOUNT_MISMATCH")
    assert error.domain == "payment.kursi"
    assert not desk.charges()


@pytest.mark.covers("Y1")
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_payment_for_somebody_elses_booking_is_not_found(desk, is_there):
    booking_id = desk.booked() if is_there else new_id()
    request = await desk.request(booking_id)

    error = await refusal(desk.stub.CreatePayment(request, metadata=desk.as_customer(new_id())))

    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "BOOKING_NOT_FOUND")


@pytest.mark.covers("Y1")
@pytest.mark.parametrize(
    ("purpose", "changes"),
    [
        (Payment.DEPOSIT, {"is_full": True}),
        (Payment.FULL, {"is_full": False}),
        (Payment.DEPOSIT, {"prepayment": 0}),
        (Payment.NO_SHOW_FEE, {"fee": 0}),
        (Payment.TIP, {}),
    ],
)
async def test_nothing_is_charged_that_is_not_due(desk, purpose, changes):
    error = await refusal(desk.pay(desk.booked(**changes), purpose=purpose, amount=sar(100)))

    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOTHING_DUE")


async def test_a_hold_that_is_over_is_not_paid_for(desk):
    booking_id = desk.booked(hold_expire_time={"seconds": int(desk.clock.now().timestamp())})

    assert (await refusal(desk.pay(booking_id))).reason == "NOTHING_DUE"


async def test_a_tip_is_what_the_customer_says_within_bounds(desk):
    confirmed = {"state": booking_pb2.Booking.CONFIRMED}
    booking_id = desk.booked(**confirmed)

    tip = await desk.pay(booking_id, purpose=Payment.TIP, amount=sar(5_000))
    another = await desk.pay(booking_id, purpose=Payment.TIP, amount=sar(2_000))
    too_much = await refusal(desk.pay(booking_id, purpose=Payment.TIP, amount=sar(100_001)))
    none = await refusal(desk.pay(booking_id, purpose=Payment.TIP))

    assert (tip.amount.amount_minor, another.amount.amount_minor) == (5_000, 2_000)
    assert too_much.reason == none.reason == "AMOUNT_MISMATCH"


@pytest.mark.covers("Y1")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/paid",
        "http://app.test/paid",
        "https://app.test.evil.test/paid",
        "https://app.test@evil.test/paid",
        "https://app.test:444/paid",
        "https://evil.test\\@app.test/paid",
        "https://app.test/ paid",
        "javascript:alert(1)",
    ],
)
async def test_customers_come_back_to_allowed_hosts_only(desk, url):
    error = await refusal(desk.pay(callback_url=url))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CALLBACK_URL_NOT_ALLOWED")
    assert not desk.moyasar.payments()


@pytest.mark.covers("Y1")
async def test_a_card_that_needs_3d_secure_sends_the_customer_there(desk):
    source = pb2.Source(token=await desk.token(verified=False))
    payment = await desk.pay(source=source)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)

    assert payment.state == Payment.PENDING_ACTION
    assert payment.redirect_url.endswith(f"{theirs.id}/prepare")
    assert await desk.events(payment.id) == ["pending"]

    assert desk.moyasar.decide(theirs.id, "approve").startswith("https://app.test/paid")
    returned = await desk.get(payment)

    assert returned.state == Payment.CAPTURED
    assert returned.redirect_url == ""
    assert await desk.events(payment.id) == ["pending", "captured"]


async def test_a_polling_app_asks_the_provider_every_two_seconds_at_most(desk):
    payment = await desk.pay(source=pb2.Source(token=await desk.token(verified=False)))
    asked = len(desk.moyasar.attempts(method="GET"))

    await asyncio.gather(*(desk.get(payment) for _ in range(10)))

    assert len(desk.moyasar.attempts(method="GET")) == asked + 1


@pytest.mark.covers("Y1")
async def test_apple_pay_is_charged_at_once(desk):
    payment = await desk.pay(
        desk.booked(25_000), source=pb2.Source(apple_pay_token='{"data":"x"}'), callback_url=""
    )

    assert payment.state == Payment.CAPTURED


@pytest.mark.covers("Y1")
@pytest.mark.parametrize(
    "number", ["+966501234567", "0501234567", "00966501234567", "٠٥٠١٢٣٤٥٦٧", "05٠١٢٣٤٥٦٧", "+۹۶۶۵۰۱۲۳۴۵۶۷"]
)
async def test_stc_pay_waits_for_the_code_of_the_wallet(desk, number):
    payment = await desk.pay(source=pb2.Source(stc_pay_phone_number=number), callback_url="")
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)

    assert (payment.state, theirs.source.mobile) == (Payment.PENDING_ACTION, "0501234567")
    assert payment.redirect_url.endswith("/proceed")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("4201321234411220", "DECLINED"),
        ("4201320000311101", "INSUFFICIENT_FUNDS"),
        ("4201322267774310", "CARD_EXPIRED"),
        ("4201326324640570", "LIMIT_EXCEEDED"),
        ("4201320000013020", "PROVIDER_REFUSED"),
    ],
)
async def test_a_refused_card_says_why_and_another_may_be_tried(desk, number, reason):
    booking_id = desk.booked()
    failed = await desk.pay(booking_id, source=pb2.Source(token=await desk.token(number)))
    paid = await desk.pay(booking_id)

    assert (failed.state, failed.failure_reason) == (Payment.FAILED, reason)
    assert paid.state == Payment.CAPTURED
    assert await desk.events(failed.id) == ["failed"]


async def test_one_payment_per_purpose_is_open(desk):
    booking_id = desk.booked()
    first = await desk.pay(booking_id)

    error = await refusal(desk.pay(booking_id))

    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "PAYMENT_IN_PROGRESS")
    assert error.metadata["paymentId"] == first.id


async def test_booking_that_does_not_answer_charges_nothing(desk):
    desk.booking.is_broken = True

    error = await refusal(desk.pay())

    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "BOOKING_UNAVAILABLE")
    assert not desk.moyasar.payments()


@pytest.mark.covers("Y2")
async def test_fifty_identical_calls_charge_once_and_answer_alike(desk):
    request = await desk.request(desk.booked())

    answers = await asyncio.gather(
        *(desk.stub.CreatePayment(request, metadata=desk.as_customer()) for _ in range(50))
    )

    assert len(desk.charges()) == 1
    assert {answer.SerializeToString(deterministic=True) for answer in answers} == {
        answers[0].SerializeToString(deterministic=True)
    }
    assert answers[0].state == Payment.CAPTURED


@pytest.mark.covers("Y2")
async def test_the_same_key_with_another_body_is_refused(desk):
    booking_id = desk.booked()
    request = await desk.request(booking_id)
    first = await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    other = pb2.CreatePaymentRequest()
    other.CopyFrom(request)
    other.authorize_only = True

    error = await refusal(desk.stub.CreatePayment(other, metadata=desk.as_customer()))
    again = await desk.stub.CreatePayment(request, metadata=desk.as_customer())

    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert again == first
    assert len(desk.charges()) == 1


@pytest.mark.covers("Y2")
async def test_the_header_is_the_key_and_belongs_to_its_caller(desk):
    first = await desk.stub.CreatePayment(
        await desk.request(desk.booked(), request_id=""), metadata=desk.as_customer(idempotency_key="k1")
    )
    desk.customer = new_id()
    second = await desk.stub.CreatePayment(
        await desk.request(desk.booked(), request_id=""), metadata=desk.as_customer(idempotency_key="k1")
    )

    assert first.id != second.id


@pytest.mark.covers("Y2")
async def test_the_first_answer_is_given_again_after_things_went_on(desk):
    request = await desk.request(desk.booked())
    first = await desk.stub.CreatePayment(request, metadata=desk.as_customer())
    await desk.refund(first)

    assert await desk.stub.CreatePayment(request, metadata=desk.as_customer()) == first


@pytest.mark.covers("Y2")
async def test_a_key_in_progress_answers_aborted(desk, monkeypatch):
    monkeypatch.setattr("kursi_payment.assembly._LONGEST_WAIT", 0.2)
    request = await desk.request(desk.booked())
    desk.moyasar.fault("slow", method="POST", path="/v1/payments", seconds=3)
    first = asyncio.ensure_future(desk.stub.CreatePayment(request, metadata=desk.as_customer()))
    await eventually(
        lambda: any(attempt.path == "/v1/payments" for attempt in desk.moyasar.attempts(method="POST"))
    )

    impatient = await refusal(desk.stub.CreatePayment(request, metadata=desk.as_customer()))

    assert (impatient.code, impatient.reason) == (grpc.StatusCode.ABORTED, "REQUEST_IN_PROGRESS")
    assert (await first).state == Payment.CAPTURED
    assert len(desk.charges()) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"purpose": 99}, "purpose"),
        ({"callback_url": ""}, "callbackUrl"),
        ({"booking_id": "x"}, "bookingId"),
        ({"source": pb2.Source(stc_pay_phone_number="12")}, "source.stcPayPhoneNumber"),
        ({"source": pb2.Source()}, "source"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(desk, changes, field):
    error = await refusal(desk.pay(**changes))

    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert field in error.violations


@pytest.mark.covers("Y13")
@pytest.mark.parametrize(
    "place",
    ["booking_id", "token", "apple_pay_token", "stc_pay_phone_number", "callback_url", "request_id"],
)
@pytest.mark.parametrize("number", ["4111111111111111", "4201 3201 1111 1010", "3782-822463-10005"])
async def test_a_card_number_anywhere_is_refused_and_not_logged(desk, place, number, capfd):
    in_source = place in ("token", "apple_pay_token", "stc_pay_phone_number")
    text = f"tok_{number}" if in_source else number
    changes = {"source": pb2.Source(**{place: text})} if in_source else {place: text.replace(" ", "-")}

    error = await refusal(desk.pay(**changes))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CARD_NUMBER_REFUSED")
    written = capfd.readouterr()
    assert number not in error.text + written.out + written.err
    assert not desk.moyasar.payments()


@pytest.mark.covers("Y13")
@pytest.mark.parametrize(
    "number",
    ["4111%201111%201111%201111", "4111+1111+1111+1111", "%34111111111111111", "4111%2D1111%2d1111-1111"],
)
async def test_a_card_number_that_an_address_spells_its_own_way_is_refused(desk, number):
    error = await refusal(desk.pay(callback_url=f"https://app.test/paid?card={number}"))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "CARD_NUMBER_REFUSED")
    assert "callbackUrl" in error.violations
    assert not desk.moyasar.payments()
