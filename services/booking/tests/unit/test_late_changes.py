"""What a cancellation costs after its customer changed the visit when it was no longer free."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain import payment
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot, Prepayment
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.money import Money

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = timedelta(hours=24)
EARLY, LATE = START - WINDOW, START - WINDOW + timedelta(seconds=1)
NEXT_WEEK = START + timedelta(days=7)
PRICE = 10_000


def sar(minor):
    return Money("SAR", minor)


def items(start=START, price=PRICE):
    return (
        Item(UUID(int=4), UUID(int=5), UUID(int=6), TimeRange(start, start + timedelta(hours=1)), sar(price)),
    )


def act(at, party=Party.CUSTOMER):
    return Act("user:1", party, at)


def visit(*, paid=PRICE, fee=5_000):
    """A visit whose customer may move it until it begins, but cancels freely only until the day before."""
    policy = PolicySnapshot(
        cancellation_window=WINDOW,
        reschedule_window=timedelta(0),
        hold=timedelta(minutes=10),
        auto_confirm=True,
        prepayment=Prepayment.NONE,
        late_cancellation_basis_points=fee,
    )
    booked = verbs.create(
        act(START - timedelta(days=9)),
        booking_id=UUID(int=1),
        salon_id=UUID(int=2),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=UUID(int=3),
        items=items(),
        policy=policy,
    ).booking
    told = act(START - timedelta(days=8), Party.SYSTEM)
    return payment.payment_captured(booked, told, UUID(int=7), sar(paid)).booking if paid else booked


def moved(booking, at, *, to=NEXT_WEEK, price=PRICE, party=Party.CUSTOMER):
    return verbs.reschedule(booking, act(at, party), items(to, price)).booking


def fee(booking, at=LATE, party=Party.CUSTOMER):
    return verbs.cancellation_outcome(booking, act(at, party)).fee


@pytest.mark.covers("B8")
def test_who_moves_a_visit_late_and_cancels_it_then_pays_as_for_cancelling_late():
    after = moved(visit(), LATE)
    assert (after.carried_fee, fee(after)) == (sar(5_000), sar(5_000))
    cancelled = verbs.cancel(after, act(LATE + timedelta(minutes=1))).booking
    assert (cancelled.fee, cancelled.refund_due) == (sar(5_000), sar(5_000))


@pytest.mark.covers("B8")
def test_who_moves_a_visit_in_time_cancels_it_in_time():
    after = moved(visit(), EARLY)
    assert (after.carried_fee, fee(after)) == (None, sar(0))


@pytest.mark.covers("B8")
def test_what_the_salon_moves_carries_no_fee_and_takes_none_away():
    assert fee(moved(visit(), LATE, party=Party.SALON)) == sar(0)
    twice = moved(moved(visit(), LATE), LATE, to=NEXT_WEEK + WINDOW, party=Party.SALON)
    assert fee(twice) == sar(5_000)


def test_a_second_move_that_is_in_time_does_not_wash_the_fee_away():
    assert fee(moved(moved(visit(), LATE), LATE, to=NEXT_WEEK + WINDOW)) == sar(5_000)


def test_the_salon_and_the_system_give_back_what_is_carried_too():
    after = moved(visit(), LATE)
    assert verbs.cancel_without_fee(after, act(LATE, Party.SALON)).booking.refund_due == sar(PRICE)
    assert fee(after, party=Party.SYSTEM) == sar(0)
    assert fee(after, party=Party.SALON) == sar(5_000)


def test_removing_a_service_late_lowers_no_fee_but_what_goes_back_is_not_kept():
    cheaper = verbs.change_services(visit(), act(LATE), items(price=3_000)).booking
    # 7,000 of 10,000 are on their way back: of the fee of 5,000 no more than the rest can be kept.
    assert (cheaper.carried_fee, fee(cheaper)) == (sar(5_000), sar(3_000))
    outcome = verbs.cancellation_outcome(cheaper, act(LATE))
    assert outcome.fee + outcome.refund == sar(PRICE)


def test_what_was_not_paid_when_it_was_moved_is_not_asked_for_later():
    unpaid = moved(visit(paid=0), LATE)
    assert unpaid.carried_fee is None
    deposit = moved(visit(paid=2_000), LATE)
    whole = payment.payment_captured(deposit, act(LATE, Party.SYSTEM), UUID(int=8), sar(8_000)).booking
    assert (deposit.carried_fee, fee(whole)) == (sar(2_000), sar(2_000))


def test_a_visit_that_is_late_again_costs_the_higher_of_both_fees():
    dearer = moved(visit(paid=20_000), LATE, price=16_000)
    again = NEXT_WEEK - timedelta(hours=1)
    assert (fee(dearer), fee(dearer, again)) == (sar(5_000), sar(8_000))
    cheaper = replace(dearer, items=items(NEXT_WEEK, 1_000))
    assert fee(cheaper, again) == sar(5_000)


MOMENTS = st.integers(-72, 0).map(lambda hours: START + timedelta(hours=hours))
STARTS = st.integers(1, 30).map(lambda days: START + timedelta(days=days))


@given(
    paid=st.integers(1, 2 * PRICE),
    share=st.integers(0, 10_000),
    at=MOMENTS,
    others=st.lists(STARTS, max_size=4),
)
def test_no_number_of_moves_changes_what_cancelling_costs_at_that_moment(paid, share, at, others):
    booking = visit(paid=paid, fee=share)
    due = min(sar(PRICE).share(share, 10_000) if at > EARLY else sar(0), sar(min(paid, PRICE)))
    for start in others:
        booking = moved(booking, at, to=start)
    outcome = verbs.cancellation_outcome(booking, act(at, Party.SALON))
    assert (outcome.fee, outcome.refund) == (due, sar(paid) - due)
