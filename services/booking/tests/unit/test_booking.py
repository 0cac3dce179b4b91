from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain import payment
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.errors import (
    IllegalTransition,
    NotStartedYet,
    RefundExceedsPayment,
    TooLateToCancel,
    TooLateToReschedule,
)
from kursi_booking.domain.policy import Party, PolicySnapshot, Prepayment, strictest_terms
from kursi_booking.domain.state import EventType, PaymentState, State
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.errors import DomainError
from kursi_chassis.money import Money

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = START - timedelta(days=7)
PAYMENT, OTHER_PAYMENT = UUID(int=71), UUID(int=72)

LEGAL = {
    State.HELD: {State.PENDING, State.CONFIRMED, State.EXPIRED, State.CANCELLED},
    State.PENDING: {State.CONFIRMED, State.EXPIRED, State.CANCELLED},
    State.CONFIRMED: {State.CHECKED_IN, State.CANCELLED, State.NO_SHOW},
    State.CHECKED_IN: {State.COMPLETED, State.NO_SHOW},
    State.COMPLETED: set(),
    State.NO_SHOW: set(),
    State.CANCELLED: set(),
    State.EXPIRED: {State.PENDING, State.CONFIRMED},  # only by a late payment that got its time back
}


def sar(minor):
    return Money("SAR", minor)


def policy(**terms):
    terms = {
        "cancellation_window": timedelta(hours=24),
        "reschedule_window": timedelta(hours=12),
        "hold": timedelta(minutes=10),
        "auto_confirm": True,
        "prepayment": Prepayment.FULL,
        "deposit_basis_points": 2_500,
        "late_cancellation_basis_points": 5_000,
        "no_show_basis_points": 8_000,
    } | terms
    return PolicySnapshot(**terms)


def item(start=START, price=10_000, minutes=45):
    during = TimeRange(start, start + timedelta(minutes=minutes))
    return Item(UUID(int=4), UUID(int=5), UUID(int=6), during, sar(price))


def act(party=Party.CUSTOMER, at=NOW):
    return Act("user:1", party, at)


def created(by=None, **terms):
    return verbs.create(
        by or act(),
        booking_id=UUID(int=1),
        salon_id=UUID(int=2),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=UUID(int=3),
        items=(item(),),
        policy=policy(**terms),
    ).booking


def paid_booking(**terms):
    return payment.payment_captured(created(**terms), act(Party.SYSTEM), PAYMENT, sar(10_000)).booking


def in_state(state):
    return replace(paid_booking(), state=state)


@pytest.mark.parametrize(
    ("terms", "state", "payment_state"),
    [
        ({}, State.HELD, PaymentState.AWAITING),
        ({"prepayment": Prepayment.DEPOSIT}, State.HELD, PaymentState.AWAITING),
        ({"prepayment": Prepayment.NONE}, State.CONFIRMED, PaymentState.NOT_REQUIRED),
        ({"prepayment": Prepayment.NONE, "auto_confirm": False}, State.PENDING, PaymentState.NOT_REQUIRED),
    ],
)
def test_a_new_booking_waits_for_money_then_for_the_salon(terms, state, payment_state):
    booking = created(**terms)
    assert (booking.state, booking.payment_state, booking.revision) == (state, payment_state, 1)
    assert (booking.expires_at is not None) == (state is State.HELD)


def test_a_visit_that_the_salon_writes_down_when_it_is_over_waits_for_no_money():
    over = START + timedelta(minutes=45)
    states = [
        created(act(party, at)).state for party in (Party.SALON, Party.CUSTOMER) for at in (START, over)
    ]
    assert states == [State.HELD, State.CONFIRMED, State.HELD, State.HELD]


@pytest.mark.parametrize(
    ("verb", "allowed", "reached", "at"),
    [
        (verbs.confirm, {State.PENDING}, State.CONFIRMED, NOW),
        (verbs.cancel, {State.HELD, State.PENDING, State.CONFIRMED}, State.CANCELLED, NOW),
        (verbs.check_in, {State.CONFIRMED}, State.CHECKED_IN, START),
        (verbs.complete, {State.CHECKED_IN}, State.COMPLETED, START),
        (verbs.mark_no_show, {State.CONFIRMED, State.CHECKED_IN}, State.NO_SHOW, START),
    ],
)
@pytest.mark.parametrize("state", State)
def test_a_verb_moves_repeats_or_names_the_state_that_forbids_it(verb, allowed, reached, at, state):
    booking = in_state(state)
    if state in allowed:
        change = verb(booking, act(Party.SALON, at))
        assert change.booking.state is reached
        assert change.booking.revision == booking.revision + 1
        assert (change.entry.from_state, change.entry.to_state) == (state, reached)
        assert change.event.type.value == reached.value
    elif state is reached:
        assert verb(booking, act(Party.SALON, at)) == verbs.Change(booking)
    else:
        with pytest.raises(IllegalTransition) as refused:
            verb(booking, act(Party.SALON, at))
        assert refused.value.metadata["state"] == state.value


def test_a_cancellation_in_time_refunds_all_and_a_late_one_keeps_the_fee():
    deadline = START - timedelta(hours=24)
    in_time = verbs.cancel(paid_booking(), act(at=deadline)).booking
    late = verbs.cancel(paid_booking(), act(at=deadline + timedelta(seconds=1))).booking
    assert (in_time.fee, in_time.refund_due, in_time.payment_state) == (
        sar(0),
        sar(10_000),
        PaymentState.REFUND_DUE,
    )
    assert (late.fee, late.refund_due) == (sar(5_000), sar(5_000))


def test_the_salon_cancels_at_any_time_and_may_waive_the_late_fee():
    at_the_start = act(Party.SALON, START)
    assert verbs.cancel(paid_booking(), at_the_start).booking.fee == sar(5_000)
    waived = verbs.cancel_without_fee(paid_booking(), at_the_start)
    assert (waived.booking.fee, waived.booking.refund_due) == (sar(0), sar(10_000))
    assert verbs.cancel_without_fee(waived.booking, at_the_start) == verbs.Change(waived.booking)


def test_a_visit_of_several_services_has_the_strictest_terms_and_all_texts():
    lenient = policy(hold=timedelta(minutes=20), prepayment=Prepayment.NONE, text={"en": "A", "ar": "ا"})
    strict = policy(
        cancellation_window=timedelta(hours=48),
        prepayment=Prepayment.DEPOSIT,
        auto_confirm=False,
        text={"en": "B"},
    )
    assert strictest_terms([lenient, strict]) == replace(strict, text={"en": "A\n\nB", "ar": "ا"})
    assert strictest_terms([lenient, lenient]) == lenient


def test_the_history_says_from_when_to_when_a_visit_moved():
    later = (item(START + timedelta(days=1)),)
    entry = verbs.reschedule(paid_booking(), act(), later).entry
    assert (entry.from_start, entry.to_start) == (START, START + timedelta(days=1))
    assert verbs.cancel(paid_booking(), act()).entry.from_start is None


def test_a_customer_cannot_cancel_a_visit_that_has_begun():
    with pytest.raises(TooLateToCancel) as refused:
        verbs.cancel(paid_booking(), act(at=START))
    assert refused.value.deadline == START


def test_a_dry_run_says_what_cancelling_then_does():
    late = act(at=START - timedelta(hours=1))
    outcome = verbs.cancellation_outcome(paid_booking(), late)
    cancelled = verbs.cancel(paid_booking(), late).booking
    assert (outcome.fee, outcome.refund) == (cancelled.fee, cancelled.refund_due)


def test_a_reschedule_keeps_the_booking_and_counts_the_revision():
    booking = paid_booking()
    later = (item(START + timedelta(days=1)),)
    moved = verbs.reschedule(booking, act(), later)
    assert (moved.booking.booking_id, moved.booking.items, moved.booking.revision) == (
        booking.booking_id,
        later,
        booking.revision + 1,
    )
    assert moved.event.type is EventType.RESCHEDULED
    assert verbs.reschedule(moved.booking, act(), later) == verbs.Change(moved.booking)


def test_a_customer_cannot_move_a_visit_inside_the_window_but_the_salon_can():
    late = START - timedelta(hours=12) + timedelta(seconds=1)
    later = (item(START + timedelta(days=1)),)
    with pytest.raises(TooLateToReschedule):
        verbs.reschedule(paid_booking(), act(at=late), later)
    just_in_time = act(at=late - timedelta(seconds=1))
    assert verbs.reschedule(paid_booking(), just_in_time, later).booking.items == later
    assert verbs.reschedule(paid_booking(), act(Party.SALON, late), later).booking.items == later


def test_removing_a_paid_service_makes_the_difference_due_for_refund():
    cheaper = verbs.change_services(paid_booking(), act(Party.SALON), (item(price=7_500),)).booking
    assert (cheaper.refund_due, cheaper.payment_state) == (sar(2_500), PaymentState.REFUND_DUE)


def test_money_on_its_way_back_is_not_kept_again_when_the_visit_costs_more_again():
    fewer = verbs.change_services(paid_booking(), act(), (item(price=4_000),)).booking
    again = verbs.change_services(fewer, act(), (item(),)).booking
    assert (again.refund_due, again.kept) == (sar(6_000), sar(4_000))
    late = act(Party.CUSTOMER, START - timedelta(hours=1))
    assert verbs.cancel(again, late).booking.fee == sar(4_000)
    assert verbs.cancel(again, late).booking.refund_due == sar(6_000)


def test_nobody_misses_a_visit_that_has_not_begun():
    with pytest.raises(NotStartedYet):
        verbs.mark_no_show(paid_booking(), act(Party.SALON, START - timedelta(seconds=1)))


@pytest.mark.parametrize(("seconds", "state"), [(-1, State.HELD), (0, State.EXPIRED)])
def test_a_hold_expires_at_its_time_and_not_before(seconds, state):
    due = NOW + timedelta(minutes=10, seconds=seconds)
    assert verbs.expire(created(), act(Party.SYSTEM, due)).booking.state is state


def test_a_part_of_the_prepayment_goes_back_when_the_hold_is_over():
    partly = payment.payment_captured(created(), act(Party.SYSTEM), PAYMENT, sar(3_000)).booking
    over = verbs.expire(partly, act(Party.SYSTEM, NOW + timedelta(minutes=10))).booking
    assert (over.refund_due, over.payment_state) == (sar(3_000), PaymentState.REFUND_DUE)


@pytest.mark.parametrize(("auto", "state"), [(True, State.CONFIRMED), (False, State.PENDING)])
def test_a_hold_goes_on_once_its_services_cost_no_more_than_was_paid(auto, state):
    partly = payment.payment_captured(
        created(auto_confirm=auto), act(Party.SYSTEM), PAYMENT, sar(3_000)
    ).booking
    cheaper = verbs.change_services(partly, act(), (item(price=3_000),)).booking
    onward = payment.nothing_more_due(cheaper, act())
    assert (onward.booking.state, onward.booking.payment_state) == (state, PaymentState.PAID)
    assert onward.booking.expires_at is None
    assert payment.nothing_more_due(partly, act()) == verbs.Change(partly)


def test_a_hold_for_what_is_free_now_waits_for_no_payment():
    free = verbs.change_services(created(), act(), (item(price=0),)).booking
    onward = payment.nothing_more_due(free, act()).booking
    assert (onward.state, onward.payment_state) == (State.CONFIRMED, PaymentState.NOT_REQUIRED)


def test_a_timer_does_nothing_to_a_booking_that_was_paid():
    booking = paid_booking()
    assert verbs.expire(booking, act(Party.SYSTEM, START)) == verbs.Change(booking)


@pytest.mark.parametrize(("auto", "state"), [(True, State.CONFIRMED), (False, State.PENDING)])
def test_a_captured_payment_confirms_or_hands_over_to_the_salon(auto, state):
    booking = paid_booking(auto_confirm=auto)
    assert (booking.state, booking.payment_state, booking.expires_at) == (state, PaymentState.PAID, None)


def test_a_payment_counts_once_however_often_it_is_told():
    booking = paid_booking()
    assert payment.payment_captured(booking, act(), PAYMENT, sar(10_000)) == verbs.Change(booking)


def test_a_part_of_what_is_due_leaves_the_hold_waiting():
    part = payment.payment_captured(created(), act(), PAYMENT, sar(4_000)).booking
    whole = payment.payment_captured(part, act(), OTHER_PAYMENT, sar(6_000)).booking
    assert (part.state, part.payment_state) == (State.HELD, PaymentState.AWAITING)
    assert (whole.state, whole.payment_state) == (State.CONFIRMED, PaymentState.PAID)


def test_a_second_payment_for_the_same_visit_is_due_for_refund():
    twice = payment.payment_captured(paid_booking(), act(), OTHER_PAYMENT, sar(10_000)).booking
    assert (twice.refund_due, twice.payment_state) == (sar(10_000), PaymentState.REFUND_DUE)


def test_a_failed_payment_keeps_the_hold_until_it_expires():
    failed = payment.payment_failed(created(), act(), PAYMENT).booking
    assert (failed.state, failed.payment_state, failed.expires_at) == (
        State.HELD,
        PaymentState.FAILED,
        created().expires_at,
    )


def test_a_late_payment_gets_the_time_back_or_is_due_for_refund():
    expired = verbs.expire(created(), act(Party.SYSTEM, START)).booking
    assert payment.is_late_capture(expired, PAYMENT)
    with pytest.raises(IllegalTransition):
        payment.payment_captured(expired, act(), PAYMENT, sar(10_000))
    reinstated = payment.reinstate(expired, act(), PAYMENT, sar(10_000)).booking
    refunded = payment.refund_late_payment(expired, act(), PAYMENT, sar(10_000)).booking
    assert (reinstated.state, reinstated.payment_state) == (State.CONFIRMED, PaymentState.PAID)
    assert (refunded.state, refunded.payment_state, refunded.refund_due) == (
        State.EXPIRED,
        PaymentState.REFUND_DUE,
        sar(10_000),
    )


def test_a_refund_settles_what_was_due_and_cannot_exceed_what_was_paid():
    cancelled = verbs.cancel(paid_booking(), act()).booking
    settled = payment.refund_recorded(cancelled, act(), OTHER_PAYMENT, sar(10_000)).booking
    assert (settled.refund_due, settled.payment_state) == (sar(0), PaymentState.REFUNDED)
    with pytest.raises(RefundExceedsPayment):
        payment.refund_recorded(settled, act(), UUID(int=73), sar(1))


MOMENTS = st.integers(-9 * 24, 24).map(lambda hours: START + timedelta(hours=hours))
ACTS = st.builds(act, st.sampled_from(Party), MOMENTS)
MONEY = st.integers(0, 20_000).map(sar)
IDS = st.integers(100, 104).map(lambda number: UUID(int=number))
ITEMS = st.builds(item, MOMENTS, st.integers(0, 20_000)).map(lambda one: (one,))
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(
            [verbs.confirm, verbs.cancel, verbs.check_in, verbs.complete, verbs.mark_no_show, verbs.expire]
        ),
        ACTS,
    ),
    st.tuples(st.sampled_from([verbs.reschedule, verbs.change_services]), ACTS, ITEMS),
    st.tuples(st.just(payment.payment_failed), ACTS, IDS),
    st.tuples(
        st.sampled_from(
            [
                payment.payment_captured,
                payment.reinstate,
                payment.refund_late_payment,
                payment.refund_recorded,
            ]
        ),
        ACTS,
        IDS,
        MONEY,
    ),
)
TERMS = st.fixed_dictionaries(
    {"prepayment": st.sampled_from(Prepayment), "auto_confirm": st.booleans()}
    | dict.fromkeys(
        ["deposit_basis_points", "late_cancellation_basis_points", "no_show_basis_points"],
        st.integers(0, 10_000),
    )
)


def after(booking, step):
    verb, who, *rest = step
    try:
        return verb(booking, who, *rest)
    except DomainError:
        return verbs.Change(booking)


def check_change(before, change):
    now = change.booking
    assert (change.event is None) == (change.entry is None) == (now == before)
    assert now.revision == before.revision + (change.event is not None)
    assert now.state is before.state or now.state in LEGAL[before.state]
    assert min(now.paid, now.fee, now.refund_due) >= sar(0)
    assert now.refund_due <= now.paid
    assert now.kept <= before.kept or now.paid > before.paid, "money on its way back was kept again"
    assert now.state is not State.EXPIRED or now.kept.is_zero, "money was kept for a time that nobody has"


@settings(max_examples=300, deadline=None)
@given(TERMS, st.lists(STEPS, max_size=14))
def test_no_sequence_of_acts_leaves_the_legal_paths_or_makes_money(terms, steps):
    booking = created(**terms)
    for step in steps:
        change = after(booking, step)
        check_change(booking, change)
        again = after(change.booking, step)
        assert change.event is None or again.booking == change.booking
        booking = change.booking


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10_000), st.sampled_from(Party), MOMENTS)
def test_fee_and_refund_are_exactly_what_was_paid(price, paid, share, party, moment):
    terms = policy(late_cancellation_basis_points=share, no_show_basis_points=share)
    outcomes = [terms.no_show(price=sar(price), paid=sar(paid))]
    if moment < START:
        outcomes.append(terms.cancellation(party, START, moment, price=sar(price), paid=sar(paid)))
    for outcome in outcomes:
        assert outcome.fee + outcome.refund == sar(paid)
        assert min(outcome.fee, outcome.refund) >= sar(0)
