"""Money of currencies that do not have a hundred small units."""

import grpc
import pytest
from kursi.booking.v1 import booking_pb2
from kursi.payment.v1 import payment_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.testing.rpc import refused

Payment = payment_pb2.Payment


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


def amount(currency, minor):
    return money_pb2.Money(currency_code=currency, amount_minor=minor)


def booked_in(desk, currency, minor):
    terms = ("prepayment_due", "balance_due", "no_show_fee_due")
    return desk.booked(
        state=booking_pb2.Booking.CONFIRMED, **{name: amount(currency, minor) for name in terms}
    )


@pytest.mark.covers("Y1", "Y4")
@pytest.mark.parametrize(
    ("currency", "shown", "rest"), [("KWD", "12.345 KWD", "12.344"), ("JPY", "12345 JPY", "12344")]
)
async def test_the_provider_is_asked_for_minor_units_whatever_their_number(desk, currency, shown, rest):
    payment = await desk.pay(booked_in(desk, currency, 12_345))
    back = await desk.refund(payment, amount=amount(currency, 1))
    too_much = await refusal(desk.refund(payment, amount=amount(currency, 12_345)))

    [known] = desk.moyasar.payments()
    assert (payment.captured, back.refunded) == (amount(currency, 12_345), amount(currency, 1))
    assert (known.to_json()["amount_format"], known.refunded) == (shown, 1)
    assert too_much.text == f"At most {rest} {currency} can be refunded."


@pytest.mark.parametrize(
    ("currency", "bounds"), [("KWD", "0.001 KWD to 100.000 KWD"), ("SAR", "0.01 SAR to 1000.00 SAR")]
)
async def test_who_gives_too_large_a_tip_is_told_its_bounds(desk, currency, bounds):
    booking_id = booked_in(desk, currency, 5_000)

    too_large = await refusal(desk.pay(booking_id, purpose=Payment.TIP, amount=amount(currency, 100_001)))
    foreign = await refusal(desk.pay(booking_id, purpose=Payment.TIP, amount=amount("EUR", 500)))

    assert (too_large.reason, too_large.text) == ("AMOUNT_MISMATCH", f"A tip is {bounds}.")
    assert (foreign.reason, foreign.text) == (too_large.reason, too_large.text)
