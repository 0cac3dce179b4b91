"""What a booking asks to be paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.errors import Violation
from kursi_chassis.money import Money

from kursi_payment.domain.errors import AmountMismatch, NothingDue, TipOutOfRange
from kursi_payment.domain.payment import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is due, by booking's own account. `accepts_tip`: the visit is agreed, under way or over."""

    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    prepayment: Money
    prepayment_is_full: bool
    balance: Money
    no_show_fee: Money
    hold_expires_at: datetime | None
    accepts_tip: bool


def amount_due(
    terms: Terms, purpose: Purpose, shown: Money | None, *, largest_tip_minor: int, now: datetime
) -> Money:
    """The amount to charge; `shown` is what the customer saw, and needed for a tip only.

    Raises: NothingDue, or AmountMismatch when `shown` is not what is due; TipOutOfRange is one.
    """
    if purpose is Purpose.TIP:
        return _tip(terms, shown, largest_tip_minor)
    due = _due(terms, purpose)
    hold_is_over = terms.hold_expires_at is not None and terms.hold_expires_at <= now
    if due.is_zero or hold_is_over:
        raise NothingDue
    if shown is not None and shown != due:
        raise AmountMismatch(Violation("amount", "AMOUNT_MISMATCH"), due=due)
    return due


def _due(terms: Terms, purpose: Purpose) -> Money:
    nothing = Money.zero(terms.prepayment.currency_code)
    by_purpose: Mapping[Purpose, Money] = {
        Purpose.DEPOSIT: nothing if terms.prepayment_is_full else terms.prepayment,
        Purpose.FULL: terms.prepayment if terms.prepayment_is_full else nothing,
        Purpose.BALANCE: terms.balance,
        Purpose.NO_SHOW_FEE: terms.no_show_fee,
    }
    return by_purpose[purpose]


def _tip(terms: Terms, shown: Money | None, largest_minor: int) -> Money:
    if not terms.accepts_tip:
        raise NothingDue
    currency = terms.balance.currency_code
    least, most = Money(currency, 1), Money(currency, largest_minor)
    if shown is None or shown.currency_code != currency or not least <= shown <= most:
        raise TipOutOfRange(Violation("amount", "AMOUNT_MISMATCH"), least=least, most=most)
    return shown
