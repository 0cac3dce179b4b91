"""What payment is told to charge."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain import payment
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.usecases.get_payment_terms import terms_of
from kursi_chassis.money import Money

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
ACT = Act("user:1", Party.SALON, START - timedelta(days=9))


def sar(minor):
    return Money("SAR", minor)


def items(price):
    during = TimeRange(START, START + timedelta(hours=1))
    return (Item(UUID(int=4), UUID(int=5), UUID(int=6), during, sar(price)),)


@pytest.fixture
def paid_visit():
    """A visit of 100 riyals that is paid."""
    nothing = timedelta(0)
    booked = verbs.create(
        ACT,
        booking_id=UUID(int=1),
        salon_id=UUID(int=2),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=UUID(int=3),
        items=items(10_000),
        policy=PolicySnapshot(nothing, nothing, timedelta(minutes=10), auto_confirm=True),
    ).booking
    return payment.payment_captured(booked, ACT, UUID(int=7), sar(10_000)).booking


@pytest.mark.covers("B8")
def test_what_is_on_its_way_back_is_charged_again_when_the_visit_costs_more_again(paid_visit):
    cheaper = verbs.change_services(paid_visit, ACT, items(4_000)).booking
    assert terms_of(cheaper).balance == sar(0)
    again = verbs.change_services(cheaper, ACT, items(10_000)).booking
    assert terms_of(again).balance == sar(6_000)
    returned = payment.refund_recorded(again, ACT, UUID(int=8), sar(6_000)).booking
    assert terms_of(returned).balance == sar(6_000)
