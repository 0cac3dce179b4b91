"""What payments do to a booking.

Payments arrive at least once and in any order, so each carries an id: one that was counted changes nothing again.
"""

from dataclasses import replace
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.errors import IllegalTransition, RefundExceedsPayment
from kursi_booking.domain.lifecycle import accepted, changed, expect, with_surplus
from kursi_booking.domain.state import EventType, PaymentState, State

_TELLS_REFUND = frozenset({EventType.CANCELLED, EventType.EXPIRED, EventType.REFUND_DUE})
_WITHOUT_TIME = frozenset({State.EXPIRED, State.CANCELLED, State.NO_SHOW})


def is_late_capture(booking: Booking, payment_id: UUID) -> bool:
    """Whether this payment arrives for a booking that no longer has its time: reinstate it or give it back."""
    return not _is_known(booking, payment_id) and booking.state in _WITHOUT_TIME


def payment_captured(booking: Booking, act: Act, payment_id: UUID, amount: Money) -> Change:
    """Money arrived in time: a held booking becomes pending, or confirmed where the policy confirms by itself.

    Raises: IllegalTransition for an expired or cancelled booking (see `is_late_capture`).
    """
    if _is_known(booking, payment_id):
        return Change(booking)
    if is_late_capture(booking, payment_id):
        raise IllegalTransition(booking.state.value, "payment_captured")
    after = _with_payment(booking, payment_id, amount)
    if booking.state is State.HELD:
        after = _after_prepayment(after)
    return changed(booking, after, _after_payment(booking, after), "payment_captured", act)


def payment_failed(booking: Booking, act: Act, payment_id: UUID) -> Change:
    """A try to pay failed. The hold stays until it expires, so that the customer can try again."""
    waits = booking.state is State.HELD and booking.payment_state is PaymentState.AWAITING
    if _is_known(booking, payment_id) or not waits:
        return Change(booking)
    after = replace(booking, payment_state=PaymentState.FAILED)
    return changed(booking, after, EventType.UPDATED, "payment_failed", act)


def reinstate(booking: Booking, act: Act, payment_id: UUID, amount: Money) -> Change:
    """A late payment of an expired hold whose claims could be taken again: it goes on as if paid in time."""
    if _is_known(booking, payment_id):
        return Change(booking)
    expect(booking, "reinstate", State.EXPIRED)
    after = replace(_with_payment(booking, payment_id, amount), state=accepted(booking.policy))
    return changed(booking, after, _after_payment(booking, after), "payment_captured", act)


def refund_late_payment(booking: Booking, act: Act, payment_id: UUID, amount: Money) -> Change:
    """A payment for a visit whose time is gone: it pays what a no-show still owes, and all else is due for refund."""
    if _is_known(booking, payment_id):
        return Change(booking)
    expect(booking, "refund_late_payment", *_WITHOUT_TIME)
    kept = min(amount, no_show_fee_due(booking))
    goes_back = amount - kept
    after = replace(
        booking,
        paid=booking.paid + amount,
        fee=booking.fee + kept,
        refund_due=booking.refund_due + goes_back,
        payments=(*booking.payments, payment_id),
    )
    if goes_back.is_zero:
        settled = PaymentState.PAID if after.refund_due.is_zero else PaymentState.REFUND_DUE
        after = replace(after, payment_state=settled)
        return changed(booking, after, EventType.UPDATED, "payment_captured", act)
    after = replace(after, payment_state=PaymentState.REFUND_DUE)
    return changed(booking, after, EventType.REFUND_DUE, "refund_due", act)


def no_show_fee_due(booking: Booking) -> Money:
    """What a customer who did not come still owes; nothing for anybody else."""
    nothing = Money.zero(booking.fee.currency_code)
    if booking.state is not State.NO_SHOW:
        return nothing
    price = booking.price
    return max(booking.policy.no_show(price=price, paid=price).fee - booking.fee, nothing)


def told_refund(before: Booking, change: Change, act: Act) -> Change:
    """What follows a change that made money due for refund and whose event says something else: a change of its own,
    because money goes back when it is told, and an event tells one thing. Nothing follows any other.
    """
    grew = before.refund_due < change.booking.refund_due
    if not grew or change.event is None or change.event.type in _TELLS_REFUND:
        return Change(change.booking)
    return changed(change.booking, change.booking, EventType.REFUND_DUE, "refund_due", act)


def nothing_more_due(booking: Booking, act: Act) -> Change:
    """What follows for a hold that waits for nothing any more, since its services changed: it goes on."""
    if booking.state is not State.HELD or booking.kept < booking.prepayment:
        return Change(booking)
    after = _after_prepayment(booking)
    if booking.paid.is_zero:
        after = replace(after, payment_state=PaymentState.NOT_REQUIRED)
    return changed(booking, after, _after_payment(booking, after), "prepayment_covered", act)


def refund_recorded(booking: Booking, act: Act, refund_id: UUID, amount: Money) -> Change:
    """Money went back to the customer.

    Raises: RefundExceedsPayment when more went back than was paid.
    """
    if _is_known(booking, refund_id):
        return Change(booking)
    if booking.paid < amount:
        raise RefundExceedsPayment(paid=booking.paid, refund=amount)
    rest = max(booking.refund_due - amount, Money.zero(amount.currency_code))
    after = replace(
        booking,
        paid=booking.paid - amount,
        refund_due=rest,
        payments=(*booking.payments, refund_id),
        payment_state=PaymentState.REFUNDED if rest.is_zero else PaymentState.REFUND_DUE,
    )
    return changed(booking, after, EventType.UPDATED, "refunded", act)


def _after_prepayment(held: Booking) -> Booking:
    """A hold goes on once all that was due is there; a part of it leaves it waiting for the rest."""
    if held.kept < held.prepayment:
        return replace(held, payment_state=PaymentState.AWAITING)
    return replace(held, state=accepted(held.policy), expires_at=None)


def _after_payment(before: Booking, after: Booking) -> EventType:
    newly_confirmed = after.state is State.CONFIRMED and before.state is not State.CONFIRMED
    return EventType.CONFIRMED if newly_confirmed else EventType.UPDATED


def _is_known(booking: Booking, payment_id: UUID) -> bool:
    return payment_id in booking.payments


def _with_payment(booking: Booking, payment_id: UUID, amount: Money) -> Booking:
    paid = replace(booking, paid=booking.paid + amount, payments=(*booking.payments, payment_id))
    return with_surplus(paid)
