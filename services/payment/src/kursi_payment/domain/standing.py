"""What the provider says of a payment, and how ours catches up with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from kursi_chassis.money import Money

from kursi_payment.domain.errors import Contradiction
from kursi_payment.domain.payment import Payment, State


class Standing(StrEnum):
    """The provider's word for where the money is, in ours."""

    INITIATED = "initiated"
    FAILED = "failed"
    AUTHORIZED = "authorized"
    TAKEN = "taken"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A payment as the provider described it at one moment. `taken` and `refunded` are totals."""

    standing: Standing
    amount: Money
    taken: Money
    refunded: Money
    redirect_url: str = ""
    failure_reason: str = ""
    card_last_four: str = ""

    @property
    def has_money_left(self) -> bool:
        """Whether not all that was taken has gone back."""
        return self.standing is Standing.TAKEN and self.refunded < self.taken


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider has never heard of the payment."""


@dataclass(frozen=True, slots=True)
class NotDone:
    """The provider did nothing. `is_final`: nor will it, however often it is asked."""

    why: str
    is_final: bool
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The provider may have acted; only asking it can tell."""

    why: str
    retry_after: timedelta | None = None


Answer = Statement | NotDone | Unknown
"""To a request that moves money."""
Finding = Statement | Absent | Unknown
"""To a question."""

_WAITS = frozenset({State.CREATED, State.PENDING_ACTION, State.EXPIRED})
_HAS_TAKEN = frozenset({State.CAPTURED, State.PARTIALLY_REFUNDED, State.REFUNDED})

_Step = Callable[[Payment, Statement, datetime], Payment]


def follow(payment: Payment, statement: Statement, at: datetime) -> tuple[Payment, ...]:
    """The payment after each step that brings it to where the provider says it is; empty when it is there.

    Never backwards: a statement older than what we know changes nothing. Refunds that somebody made at the
    provider are followed only while none of ours is on its way, because then the totals speak of both.

    Raises: Contradiction for what no history of this payment explains.
    """
    if statement.amount != payment.amount:
        raise Contradiction("AMOUNT_DIFFERS")
    steps: list[Payment] = []
    current = replace(payment, card_last_four=statement.card_last_four or payment.card_last_four)
    for step in _ROADS[statement.standing]:
        following = step(current, statement, at)
        if following is not current:
            steps.append(following)
        current = following
    return tuple(steps)


def _ask_customer(payment: Payment, statement: Statement, at: datetime) -> Payment:
    if payment.state is not State.CREATED:
        return payment
    return payment.awaiting_customer(statement.redirect_url, at)


def _fail(payment: Payment, statement: Statement, at: datetime) -> Payment:
    if payment.state in (State.FAILED, State.EXPIRED):
        return payment
    if payment.state not in (State.CREATED, State.PENDING_ACTION):
        raise Contradiction("FAILED_AFTER_SUCCESS")
    return payment.refused(statement.failure_reason or "PROVIDER_REFUSED", at)


def _reserve(payment: Payment, _: Statement, at: datetime) -> Payment:
    if payment.state in _WAITS:
        return payment.reserved(at)
    if payment.state is State.FAILED:
        raise Contradiction("SUCCEEDED_AFTER_FAILURE")
    return payment


def _reserve_first(payment: Payment, statement: Statement, at: datetime) -> Payment:
    """A payment that was only to be reserved has been, before anything was taken of it."""
    return _reserve(payment, statement, at) if payment.authorize_only else payment


def _take(payment: Payment, statement: Statement, at: datetime) -> Payment:
    if payment.state in (State.FAILED, State.VOIDED):
        raise Contradiction("SUCCEEDED_AFTER_FAILURE")
    if payment.state in _HAS_TAKEN:
        if payment.captured != statement.taken:
            raise Contradiction("TAKEN_DIFFERS")
        return payment
    if payment.amount < statement.taken:
        raise Contradiction("TAKEN_DIFFERS")
    return payment.taken(statement.taken, at)


def _give_back(payment: Payment, statement: Statement, at: datetime) -> Payment:
    is_news = payment.refunding.is_zero and payment.refunded < statement.refunded
    if not is_news:
        return payment
    if payment.captured < statement.refunded:
        raise Contradiction("REFUNDED_MORE_THAN_TAKEN")
    return payment.given_back(statement.refunded - payment.refunded, at)


def _release(payment: Payment, statement: Statement, at: datetime) -> Payment:
    if payment.state is State.AUTHORIZED and statement.taken.is_zero:
        return payment.given_up(at)
    return payment


def _take_before_void(payment: Payment, statement: Statement, at: datetime) -> Payment:
    """The provider voids taken money too; then it was taken first, whether we heard of it or not.

    It says how much only of what was reserved before; what was taken at once was taken whole.
    """
    if payment.state is State.FAILED:
        raise Contradiction("SUCCEEDED_AFTER_FAILURE")
    if payment.state in _WAITS or payment.state is State.AUTHORIZED:
        return payment.taken(payment.amount if statement.taken.is_zero else statement.taken, at)
    return payment


def _give_all_back(payment: Payment, _: Statement, at: datetime) -> Payment:
    if payment.state in (State.CAPTURED, State.PARTIALLY_REFUNDED) and payment.refunding.is_zero:
        return payment.given_back(payment.refundable, at)
    return payment


_ROADS: Mapping[Standing, tuple[_Step, ...]] = {
    Standing.INITIATED: (_ask_customer,),
    Standing.FAILED: (_fail,),
    Standing.AUTHORIZED: (_reserve,),
    Standing.TAKEN: (_reserve_first, _take, _give_back),
    Standing.VOIDED: (_reserve_first, _release, _take_before_void, _give_all_back),
}
