"""The salon's terms as they were when the booking was made, and the money they imply."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from kursi_chassis.money import Money

from kursi_booking.domain.errors import TooLateToCancel, TooLateToReschedule

_WHOLE = 100


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
    day before. Percentages are of the price, 0 to 100. `text` is what the customer read, by language.
    """

    cancellation_window: timedelta
    reschedule_window: timedelta
    hold: timedelta
    auto_confirm: bool
    prepayment: Prepayment = Prepayment.NONE
    deposit_percent: int = 0
    late_cancellation_percent: int = 0
    no_show_percent: int = 0
    text: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = (self.deposit_percent, self.late_cancellation_percent, self.no_show_percent)
        if any(not 0 <= share <= _WHOLE for share in shares):
            message = f"percentages lie between 0 and 100: {shares}"
            raise ValueError(message)

    def due_now(self, price: Money) -> Money:
        """What must be captured before the booking counts."""
        if self.prepayment is Prepayment.FULL:
            return price
        if self.prepayment is Prepayment.DEPOSIT:
            return price.share(self.deposit_percent, _WHOLE)
        return Money.zero(price.currency_code)

    def free_cancellation_until(self, start: datetime) -> datetime:
        """Up to and including this instant a cancellation costs nothing."""
        return start - self.cancellation_window

    def check_reschedule(self, party: Party, start: datetime, now: datetime) -> None:
        """Let the salon move a visit at any time, and the customer up to the window before it.

        Raises: TooLateToReschedule with the deadline.
        """
        deadline = start - self.reschedule_window
        if party is Party.CUSTOMER and now > deadline:
            raise TooLateToReschedule(deadline)

    def cancellation(
        self, party: Party, start: datetime, now: datetime, *, price: Money, paid: Money
    ) -> CancellationOutcome:
        """What cancelling now costs. The salon's own cancellation, and one in time, costs nothing.

        A late one keeps its percentage of the price, but never more than was paid.

        Raises: TooLateToCancel when the customer's visit has begun.
        """
        if party is not Party.CUSTOMER or now <= self.free_cancellation_until(start):
            return _keep(0, price, paid)
        if now >= start:
            raise TooLateToCancel(start)
        return _keep(self.late_cancellation_percent, price, paid)

    def no_show(self, *, price: Money, paid: Money) -> CancellationOutcome:
        """What not appearing costs: its percentage of the price, never more than was paid."""
        return _keep(self.no_show_percent, price, paid)


def _keep(percent: int, price: Money, paid: Money) -> CancellationOutcome:
    fee = min(price.share(percent, _WHOLE), paid)
    return CancellationOutcome(fee=fee, refund=paid - fee)
