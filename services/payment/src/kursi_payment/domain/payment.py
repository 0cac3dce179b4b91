"""One payment of a customer for a booking: where its money is, and where it may go next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kursi_chassis.money import Money

from kursi_payment.domain.errors import AmountTooLarge, IllegalTransition, RefundTooLarge


class State(StrEnum):
    """Where the money is."""

    CREATED = "created"
    PENDING_ACTION = "pending_action"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    FAILED = "failed"
    VOIDED = "voided"
    EXPIRED = "expired"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.CREATED: frozenset({State.PENDING_ACTION, State.AUTHORIZED, State.CAPTURED, State.FAILED}),
    State.PENDING_ACTION: frozenset({State.AUTHORIZED, State.CAPTURED, State.FAILED, State.EXPIRED}),
    State.AUTHORIZED: frozenset({State.CAPTURED, State.VOIDED}),
    State.CAPTURED: frozenset({State.PARTIALLY_REFUNDED, State.REFUNDED}),
    State.PARTIALLY_REFUNDED: frozenset({State.PARTIALLY_REFUNDED, State.REFUNDED}),
    State.REFUNDED: frozenset(),
    State.FAILED: frozenset(),
    State.VOIDED: frozenset(),
    # We stop waiting for a customer, but the provider cannot be told to: whoever acts later has paid.
    State.EXPIRED: frozenset({State.AUTHORIZED, State.CAPTURED}),
}
"""The graph. The table `payment_transitions` holds the same pairs, and a trigger refuses every other one."""

OPEN = frozenset({State.CREATED, State.PENDING_ACTION, State.AUTHORIZED, State.CAPTURED})
"""While one of these holds, no second payment for the same purpose of the booking may begin."""

UNDECIDED = frozenset({State.CREATED, State.PENDING_ACTION})
"""The provider knows more than we do, or soon will."""

WAITED_TOO_LONG = "EXPIRED"
NOT_RECEIVED = "NOT_RECEIVED"


class Purpose(StrEnum):
    """What a payment is for."""

    DEPOSIT = "deposit"
    FULL = "full"
    BALANCE = "balance"
    NO_SHOW_FEE = "no_show_fee"
    TIP = "tip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment and its totals, all in the currency of `amount`.

    `handle` is the id under which the provider knows it; it is stored before the provider first hears of it.
    `refunding` is reserved by refunds that are on their way. `is_late` marks a payment that had expired and
    was paid after all; another one may have taken its place by then. `sent_at` is when the provider was last
    told of it, `flagged` what a person has to look at.
    """

    id: UUID
    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    purpose: Purpose
    state: State
    amount: Money
    authorized: Money
    captured: Money
    refunded: Money
    refunding: Money
    authorize_only: bool
    provider: str
    handle: UUID
    redirect_url: str = ""
    failure_reason: str = ""
    card_last_four: str = ""
    is_late: bool = False
    sent_at: datetime | None = None
    flagged: str = ""
    revision: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def refundable(self) -> Money:
        """What is left to give back, refunds on their way not counted."""
        return self.captured - self.refunded - self.refunding

    def awaiting_customer(self, redirect_url: str, at: datetime) -> "Payment":
        """The customer must act at `redirect_url`. Raises: IllegalTransition."""
        return replace(self._moved(State.PENDING_ACTION, at), redirect_url=redirect_url)

    def reserved(self, at: datetime) -> "Payment":
        """The amount is set aside on the customer's card. Raises: IllegalTransition."""
        return replace(self._moved(State.AUTHORIZED, at), authorized=self.amount)

    def taken(self, amount: Money, at: datetime) -> "Payment":
        """`amount` was taken, of what was reserved or at once. Raises: IllegalTransition, AmountTooLarge."""
        if self.amount < amount:
            raise AmountTooLarge(limit=self.amount)
        return replace(self._moved(State.CAPTURED, at), authorized=self.amount, captured=amount)

    def refused(self, reason: str, at: datetime) -> "Payment":
        """The bank or the provider said no. Raises: IllegalTransition."""
        return replace(self._moved(State.FAILED, at), failure_reason=reason)

    def given_up(self, at: datetime) -> "Payment":
        """The reservation was released. Raises: IllegalTransition."""
        return self._moved(State.VOIDED, at)

    def expired(self, at: datetime) -> "Payment":
        """The customer did not act in time. Raises: IllegalTransition."""
        return replace(self._moved(State.EXPIRED, at), failure_reason=WAITED_TOO_LONG)

    def with_refund_reserved(self, amount: Money, at: datetime) -> "Payment":
        """`amount` is on its way back and cannot be promised again.

        Raises: IllegalTransition when nothing was taken, RefundTooLarge when less is left.
        """
        if self.state not in (State.CAPTURED, State.PARTIALLY_REFUNDED):
            raise IllegalTransition(state=self.state, action="refund")
        if self.refundable < amount or amount.is_zero:
            raise RefundTooLarge(self.refundable)
        return self._changed(at, refunding=self.refunding + amount)

    def with_refund_released(self, amount: Money, at: datetime) -> "Payment":
        """The refund did not happen; its amount is free again."""
        return self._changed(at, refunding=self.refunding - amount)

    def with_reserved_refund_done(self, amount: Money, at: datetime) -> "Payment":
        """A reserved refund has gone back. Raises: IllegalTransition."""
        return replace(self, refunding=self.refunding - amount).given_back(amount, at)

    def given_back(self, amount: Money, at: datetime) -> "Payment":
        """`amount` has gone back, in whole or part. Raises: IllegalTransition, RefundTooLarge."""
        if self.refundable < amount:
            raise RefundTooLarge(self.refundable)
        refunded = self.refunded + amount
        state = State.REFUNDED if refunded == self.captured else State.PARTIALLY_REFUNDED
        return replace(self._moved(state, at), refunded=refunded)

    def _moved(self, state: State, at: datetime) -> "Payment":
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(state=self.state, action=state)
        return replace(
            self,
            state=state,
            is_late=self.is_late or self.state is State.EXPIRED,
            redirect_url="",
            failure_reason="",
            revision=self.revision + 1,
            updated_at=at,
        )

    def _changed(self, at: datetime, *, refunding: Money) -> "Payment":
        return replace(self, refunding=refunding, revision=self.revision + 1, updated_at=at)
