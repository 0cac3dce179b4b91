"""The salon's terms as they were when the booking was made, and the money they imply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from kursi_chassis.money import Money

from kursi_booking.domain.errors import TooLateToCancel, TooLateToReschedule

_WHOLE = 10_000


class Prepayment(Enum):
    """What the customer pays to keep the time."""

    NONE = "none"
    DEPOSIT = "deposit"
    FULL = "full"


class Party(Enum):
    """On whose behalf somebody acts."""

    CUSTOMER = "customer"
    SALON = "salon"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class CancellationOutcome:
    """What the salon keeps and what goes back; together exactly what was paid."""

    fee: Money
    refund: Money


@dataclass(frozen=True, slots=True)
class PolicySnapshot:
    """Terms frozen into a booking; later changes of the salon's policy do not touch it.

    Windows count back from the visit's start: with `cancellation_window` of 24 h a cancellation is free until a
    day before. Basis points are hundredths of a percent of the price, 0 to 10,000. `text` is what the customer
    read, by language.
    """

    cancellation_window: timedelta
    reschedule_window: timedelta
    hold: timedelta
    auto_confirm: bool
    prepayment: Prepayment = Prepayment.NONE
    deposit_basis_points: int = 0
    late_cancellation_basis_points: int = 0
    no_show_basis_points: int = 0
    text: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = (self.deposit_basis_points, self.late_cancellation_basis_points, self.no_show_basis_points)
        if any(not 0 <= share <= _WHOLE for share in shares):
            message = f"basis points lie between 0 and 10,000: {shares}"
            raise ValueError(message)

    def due_now(self, price: Money) -> Money:
        """What must be captured before the booking counts."""
        if self.prepayment is Prepayment.FULL:
            return price
        if self.prepayment is Prepayment.DEPOSIT:
            return price.share(self.deposit_basis_points, _WHOLE)
        return Money.zero(price.currency_code)

    def free_cancellation_until(self, start: datetime) -> datetime:
        """Up to and including this instant a cancellation costs nothing."""
        return start - self.cancellation_window

    def reschedule_until(self, start: datetime) -> datetime:
        """Up to and including this instant the customer may move the visit."""
        return start - self.reschedule_window

    def late_cancellation_fee(self, price: Money) -> Money:
        """What a cancellation past the window costs."""
        return price.share(self.late_cancellation_basis_points, _WHOLE)

    def no_show_fee(self, price: Money) -> Money:
        """What not coming costs."""
        return price.share(self.no_show_basis_points, _WHOLE)

    def check_reschedule(self, party: Party, start: datetime, now: datetime) -> None:
        """Let the salon move a visit at any time, and the customer up to the window before it.

        Raises: TooLateToReschedule with the deadline.
        """
        deadline = self.reschedule_until(start)
        if party is Party.CUSTOMER and now > deadline:
            raise TooLateToReschedule(deadline)

    def is_late(self, start: datetime, now: datetime) -> bool:
        """Whether a cancellation is no longer free."""
        return now > self.free_cancellation_until(start)

    def cancellation_fee(self, start: datetime, now: datetime, *, price: Money, carried: Money) -> Money:
        """What cancelling now costs, if so much was paid: a late one its share of the price, and any what is carried."""
        return max(self.late_cancellation_fee(price), carried) if self.is_late(start, now) else carried

    def cancellation(
        self,
        party: Party,
        start: datetime,
        now: datetime,
        *,
        price: Money,
        paid: Money,
        carried: Money | None = None,
    ) -> CancellationOutcome:
        """What cancelling now costs: nothing by the system, nor in time unless a fee is carried.

        The fee is never more than was paid. It is kept also when the salon cancels for a customer who called; the
        salon can waive that.

        Raises: TooLateToCancel when the customer's visit has begun.
        """
        if party is Party.SYSTEM:
            return self.free_cancellation(paid=paid)
        if party is Party.CUSTOMER and now >= start and self.is_late(start, now):
            raise TooLateToCancel(start)
        nothing = Money.zero(paid.currency_code)
        return _keep(self.cancellation_fee(start, now, price=price, carried=carried or nothing), paid)

    def free_cancellation(self, *, paid: Money) -> CancellationOutcome:
        """All that was paid goes back."""
        return CancellationOutcome(fee=Money.zero(paid.currency_code), refund=paid)

    def no_show(self, *, price: Money, paid: Money) -> CancellationOutcome:
        """What not appearing costs: its share of the price, never more than was paid."""
        return _keep(self.no_show_fee(price), paid)


def strictest_terms(terms: Sequence[PolicySnapshot]) -> PolicySnapshot:
    """The terms of a visit of several services: for each question the answer that asks most of the customer.

    The texts of all are kept, each once, below each other.
    """
    if len(terms) == 1:
        return terms[0]
    ranks = list(Prepayment)
    return PolicySnapshot(
        cancellation_window=max(term.cancellation_window for term in terms),
        reschedule_window=max(term.reschedule_window for term in terms),
        hold=min(term.hold for term in terms),
        auto_confirm=all(term.auto_confirm for term in terms),
        prepayment=max((term.prepayment for term in terms), key=ranks.index),
        deposit_basis_points=max(term.deposit_basis_points for term in terms),
        late_cancellation_basis_points=max(term.late_cancellation_basis_points for term in terms),
        no_show_basis_points=max(term.no_show_basis_points for term in terms),
        text=_all_texts(terms),
    )


def _all_texts(terms: Sequence[PolicySnapshot]) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for term in terms:
        for language, text in term.text.items():
            known = texts.setdefault(language, [])
            if text not in known:
                known.append(text)
    return {language: "\n\n".join(parts) for language, parts in texts.items()}


def _keep(fee: Money, paid: Money) -> CancellationOutcome:
    kept = min(fee, paid)
    return CancellationOutcome(fee=kept, refund=paid - kept)
