"""Money that is to move for a payment that exists: a capture, a void, a refund.

The provider knows no key for these, so asking twice would move money twice. Each is therefore written down
before the provider hears of it, together with the total that the provider showed just before, and whether it
happened is read off the total afterwards.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, StrEnum, auto
from uuid import UUID

from kursi_chassis.money import Money

from kursi_payment.domain.payment import Payment, State
from kursi_payment.domain.standing import Standing, Statement


class Kind(StrEnum):
    """Which way the money moves."""

    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Progress(StrEnum):
    """Where a movement stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One capture, void or refund. `refunded_before` and `sent_at` are set before the provider is told."""

    id: UUID
    payment_id: UUID
    kind: Kind
    amount: Money
    progress: Progress = Progress.PENDING
    reason: str = ""
    actor: str
    refunded_before: Money | None = None
    sent_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    def may_be_at_work(self, at: datetime, settles_after: timedelta) -> bool:
        """Whether it was sent so shortly before that it may still have its effect."""
        return self.sent_at is not None and at < self.sent_at + settles_after

    def about_to_be_sent(self, statement: Statement, at: datetime) -> "Movement":
        """What is written down before the provider is told."""
        return replace(self, refunded_before=statement.refunded, sent_at=at, updated_at=at)

    def not_sent(self, at: datetime) -> "Movement":
        """The provider has surely not acted on it; it may be told again at any time."""
        return replace(self, refunded_before=None, sent_at=None, updated_at=at)

    def settled(self, progress: Progress, at: datetime) -> "Movement":
        """It happened, or never will."""
        return replace(self, progress=progress, updated_at=at)


class Verdict(Enum):
    """What to do about a movement, given what the provider says."""

    SEND = auto()
    WAIT = auto()
    """It was sent a moment ago and may still be at work over there."""
    DONE = auto()
    IMPOSSIBLE = auto()
    UNCLEAR = auto()
    """The totals fit neither "it happened" nor "it did not": a person has to look."""


def judge(movement: Movement, statement: Statement, asked_at: datetime, settles_after: timedelta) -> Verdict:
    """Whether the movement happened, can still happen, or may be sent, as the provider stated it when it was asked.

    Sound only while nobody else of ours talks to the provider about this payment.
    """
    if _happened(movement, statement):
        return Verdict.DONE
    if not _is_possible(movement, statement):
        is_ours = movement.kind is Kind.REFUND and movement.sent_at is not None
        return Verdict.UNCLEAR if is_ours else Verdict.IMPOSSIBLE
    if movement.may_be_at_work(asked_at, settles_after):
        return Verdict.WAIT
    return Verdict.SEND


def next_step_fits(payment: Payment, kind: Kind) -> bool:
    """Whether the payment's state allows such a movement."""
    if kind is Kind.REFUND:
        return payment.state in (State.CAPTURED, State.PARTIALLY_REFUNDED)
    return payment.state is State.AUTHORIZED


def _happened(movement: Movement, statement: Statement) -> bool:
    match movement.kind:
        case Kind.CAPTURE:
            return statement.standing is Standing.TAKEN and statement.taken == movement.amount
        case Kind.VOID:
            return statement.standing is Standing.VOIDED
        case Kind.REFUND:
            before = movement.refunded_before
            return before is not None and statement.refunded == before + movement.amount


def _is_possible(movement: Movement, statement: Statement) -> bool:
    if movement.kind is not Kind.REFUND:
        return statement.standing is Standing.AUTHORIZED
    untouched = movement.refunded_before in (None, statement.refunded)
    fits = statement.refunded + movement.amount <= statement.taken
    return statement.standing is Standing.TAKEN and untouched and fits
