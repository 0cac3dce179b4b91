"""Money and visits together: what is paid counts, once, however the news of it travels."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from e2e_world import becomes
from kursi_local.client import Refused

pytestmark = pytest.mark.usefixtures("unbroken")
DECLINED_CARD = "4201321234411220"


@pytest.fixture
def held(world):
    """A time that is kept while its customer pays. Each test takes another one."""
    booking = world.book(world["customer"], world.slots("facial")[20], "facial")
    assert booking["state"] == "HELD"
    yield booking
    # Gives the time back to the next test; what is over by then refuses it.
    world["customer"].raw("POST", f"/v1/bookings/{booking['id']}:cancel", json={})


def test_an_approved_payment_confirms_the_booking(world, held):
    payment = world.pay(world["customer"], held)
    assert payment["state"] == "PENDING_ACTION"
    world.decide(payment, "approve")
    confirmed = world.booking_becomes(world["customer"], held, state="CONFIRMED", paymentState="PAID")
    assert confirmed["paid"] == held["prepayment"]


def test_a_declined_payment_keeps_the_hold_and_another_card_confirms(world, held):
    declined = world.pay(world["customer"], held, DECLINED_CARD)
    if declined["state"] == "PENDING_ACTION":
        world.decide(declined, "approve")
    failed = becomes(world["customer"], f"/v1/payments/{declined['id']}", state="FAILED")
    assert failed["failureReason"] == "DECLINED"
    world.booking_becomes(world["customer"], held, state="HELD", paymentState="FAILED")
    world.decide(world.pay(world["customer"], held), "approve")
    world.booking_becomes(world["customer"], held, state="CONFIRMED", paymentState="PAID")


def test_a_second_payment_is_refused_while_the_first_is_open(world, held):
    first = world.pay(world["customer"], held)
    with pytest.raises(Refused) as refusal:
        world.pay(world["customer"], held)
    assert refusal.value.reason == "PAYMENT_IN_PROGRESS"
    assert refusal.value.metadata["paymentId"] == first["id"]


@pytest.mark.covers("Y7")
def test_a_payment_whose_notice_is_lost_is_found_by_reconciliation(world, held):
    """Nobody asks for the payment meanwhile, so it is payment itself that looks."""
    payment = world.pay(world["customer"], held)
    world.api.outside.payment_callbacks("drop")
    try:
        world.decide(payment, "approve")
        world.booking_becomes(world["customer"], held, state="CONFIRMED", paymentState="PAID")
    finally:
        world.api.outside.payment_callbacks("release")


def test_notices_that_come_five_times_pay_once(world, held):
    payment = world.pay(world["customer"], held)
    world.api.outside.payment_callbacks("duplicate", n=5)
    try:
        world.decide(payment, "approve")
        confirmed = world.booking_becomes(world["customer"], held, state="CONFIRMED")
    finally:
        world.api.outside.payment_callbacks("duplicate", n=1)
    assert confirmed["paid"] == held["prepayment"]
    paid = becomes(world["customer"], f"/v1/payments/{payment['id']}", state="CAPTURED")
    assert paid["captured"] == paid["amount"]


@pytest.mark.covers("B10")
def test_money_that_comes_after_the_time_was_given_away_goes_back(world, held, platform):
    payment = world.pay(world["customer"], held)
    _let_run_out(platform, held)
    world.booking_becomes(world["customer"], held, state="EXPIRED")
    other = world.book(world["stranger"], held, "facial")
    world.decide(payment, "approve")
    refunded = becomes(world["customer"], f"/v1/payments/{payment['id']}", state="REFUNDED")
    assert refunded["refunded"] == refunded["captured"]
    world.booking_becomes(world["customer"], held, state="EXPIRED", paymentState="REFUNDED")
    world["stranger"].post(f"/v1/bookings/{other['id']}:cancel")


@pytest.mark.covers("B10")
def test_money_that_comes_late_while_the_time_is_still_free_brings_the_booking_back(world, held, platform):
    payment = world.pay(world["customer"], held)
    _let_run_out(platform, held)
    world.booking_becomes(world["customer"], held, state="EXPIRED")
    world.decide(payment, "approve")
    world.booking_becomes(world["customer"], held, state="CONFIRMED", paymentState="PAID")


def _let_run_out(platform, booking):
    """A hold lasts two minutes at least; a test cannot wait, so it says that they are over."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    with psycopg.connect(platform.database_url("booking", "owner")) as connection:
        connection.execute("ALTER TABLE bookings DISABLE TRIGGER bookings_lifecycle")
        connection.execute("UPDATE bookings SET hold_expire_at = %s WHERE id = %s", (past, booking["id"]))
        connection.execute("UPDATE claims SET expires_at = %s WHERE booking_id = %s", (past, booking["id"]))
        connection.execute("ALTER TABLE bookings ENABLE TRIGGER bookings_lifecycle")
