"""Rows of payments and movements, and what they stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.money import Money

from kursi_payment.domain.movement import Kind, Movement, Progress
from kursi_payment.domain.payment import Payment, Purpose, State

PAYMENT_COLUMNS: Final[LiteralString] = """
    id, booking_id, salon_id, customer_id, purpose, state, currency_code, amount_minor, authorized_minor,
    captured_minor, refunded_minor, refunding_minor, authorize_only, provider, handle, redirect_url,
    failure_reason, card_last_four, is_late, sent_at, flagged, revision, created_at, updated_at
"""

MOVEMENT_COLUMNS: Final[LiteralString] = """
    m.id, m.payment_id, m.kind, m.amount_minor, m.progress, m.reason, m.actor, m.refunded_before_minor, m.sent_at,
    m.created_at, m.updated_at, p.currency_code
"""


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A row of `payments`, in the order of `PAYMENT_COLUMNS`."""

    id: UUID
    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    purpose: str
    state: str
    currency_code: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refunding_minor: int
    authorize_only: bool
    provider: str
    handle: UUID
    redirect_url: str
    failure_reason: str
    card_last_four: str
    is_late: bool
    sent_at: datetime | None
    flagged: str
    revision: int
    created_at: datetime
    updated_at: datetime

    def payment(self) -> Payment:
        return Payment(
            id=self.id,
            booking_id=self.booking_id,
            salon_id=self.salon_id,
            customer_id=self.customer_id,
            purpose=Purpose(self.purpose),
            state=State(self.state),
            amount=self._money(self.amount_minor),
            authorized=self._money(self.authorized_minor),
            captured=self._money(self.captured_minor),
            refunded=self._money(self.refunded_minor),
            refunding=self._money(self.refunding_minor),
            authorize_only=self.authorize_only,
            provider=self.provider,
            handle=self.handle,
            redirect_url=self.redirect_url,
            failure_reason=self.failure_reason,
            card_last_four=self.card_last_four,
            is_late=self.is_late,
            sent_at=self.sent_at,
            flagged=self.flagged,
            revision=self.revision,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )

    def _money(self, minor: int) -> Money:
        return Money(self.currency_code, minor)


@dataclass(frozen=True, slots=True)
class MovementRow:
    """A row of `movements` with the currency of its payment, in the order of `MOVEMENT_COLUMNS`."""

    id: UUID
    payment_id: UUID
    kind: str
    amount_minor: int
    progress: str
    reason: str
    actor: str
    refunded_before_minor: int | None
    sent_at: datetime | None
    created_at: datetime
    updated_at: datetime
    currency_code: str

    def movement(self) -> Movement:
        before = self.refunded_before_minor
        return Movement(
            id=self.id,
            payment_id=self.payment_id,
            kind=Kind(self.kind),
            amount=Money(self.currency_code, self.amount_minor),
            progress=Progress(self.progress),
            reason=self.reason,
            actor=self.actor,
            refunded_before=None if before is None else Money(self.currency_code, before),
            sent_at=self.sent_at,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


def payment_parameters(payment: Payment) -> Mapping[str, object]:
    return {
        "id": payment.id,
        "booking_id": payment.booking_id,
        "salon_id": payment.salon_id,
        "customer_id": payment.customer_id,
        "purpose": payment.purpose,
        "state": payment.state,
        "currency_code": payment.amount.currency_code,
        "amount_minor": payment.amount.amount_minor,
        "authorized_minor": payment.authorized.amount_minor,
        "captured_minor": payment.captured.amount_minor,
        "refunded_minor": payment.refunded.amount_minor,
        "refunding_minor": payment.refunding.amount_minor,
        "authorize_only": payment.authorize_only,
        "provider": payment.provider,
        "handle": payment.handle,
        "redirect_url": payment.redirect_url,
        "failure_reason": payment.failure_reason,
        "card_last_four": payment.card_last_four,
        "is_late": payment.is_late,
        "sent_at": payment.sent_at,
        "flagged": payment.flagged,
        "revision": payment.revision,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def movement_parameters(movement: Movement) -> Mapping[str, object]:
    before = movement.refunded_before
    return {
        "id": movement.id,
        "payment_id": movement.payment_id,
        "kind": movement.kind,
        "amount_minor": movement.amount.amount_minor,
        "progress": movement.progress,
        "reason": movement.reason,
        "actor": movement.actor,
        "refunded_before_minor": None if before is None else before.amount_minor,
        "sent_at": movement.sent_at,
        "created_at": movement.created_at,
        "updated_at": movement.updated_at,
    }
