"""What becomes of the money when a visit is called off."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.ids import new_id
from kursi_chassis.logging import get_logger
from kursi_chassis.money import Money

from kursi_payment.domain.movement import Kind, Movement, Progress
from kursi_payment.domain.payment import Payment, Purpose, State
from kursi_payment.metrics import REFUND_SHORTFALL
from kursi_payment.ports import Begin, RequestKey, Work

CONSUMER = "payment-bookings"
_ACTOR = "service:booking"

log = get_logger()


class Happening(StrEnum):
    """What concerns payments of all that happens to bookings."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NO_SHOW = "no_show"
    REFUND_DUE = "refund_due"
    UPDATED = "updated"
    """It waits for the salon, maybe again: late money brings a hold that ran out back without confirming it."""


_OVER = frozenset({Happening.CANCELLED, Happening.EXPIRED, Happening.NO_SHOW})
_REASONS = {
    Happening.CANCELLED: "booking_cancelled",
    Happening.EXPIRED: "booking_gone",
    Happening.REFUND_DUE: "booking_gone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingChange:
    """A change of a booking as its event told it. `fee` is kept, `refund` goes back."""

    event_id: UUID
    happening: Happening
    booking_id: UUID
    revision: int
    fee: Money | None
    refund: Money | None


@dataclass(frozen=True, slots=True)
class FollowBooking:
    """Writes down what is to move, in the transaction that takes note of the event; the jobs move it.

    Each movement is keyed by the booking's revision, so that the same change refunds once, whatever its event
    is called and however often it comes.
    """

    begin: Begin
    clock: Clock

    async def __call__(self, changes: Sequence[BookingChange]) -> None:
        async with self.begin() as work:
            new = await work.claim_events(CONSUMER, [change.event_id for change in changes])
            for change in changes:
                if change.event_id in new:
                    await self._apply(work, change)

    async def _apply(self, work: Work, change: BookingChange) -> None:
        if change.happening is not Happening.REFUND_DUE:
            is_over = change.happening in _OVER
            await work.note_booking(change.booking_id, change.revision, has_ended=is_over)
        if change.happening in _OVER:
            await self._decide_reservations(work, change)
        if change.happening in _REASONS and change.refund is not None and not change.refund.is_zero:
            await self._refund(work, change, change.refund)

    async def _decide_reservations(self, work: Work, change: BookingChange) -> None:
        """Reservations are given up, but for what a no-show's fee needs of them."""
        payments = await work.payments_of_booking(change.booking_id)
        fee = _uncovered_fee(change, payments)
        for payment in payments:
            if payment.state is not State.AUTHORIZED:
                continue
            if fee is None or fee.is_zero or payment.purpose is Purpose.TIP:
                await self._move(work, change, payment, Kind.VOID, payment.amount)
                continue
            part = min(fee, payment.amount)
            await self._move(work, change, payment, Kind.CAPTURE, part)
            fee -= part

    async def _refund(self, work: Work, change: BookingChange, rest: Money) -> None:
        """Over the booking's payments, the oldest first; tips are not the booking's to give back."""
        payments = [
            payment
            for payment in await work.payments_of_booking(change.booking_id)
            if payment.purpose is not Purpose.TIP
        ]
        for payment in payments:
            known = await work.movement_of_request(_key(change, Kind.REFUND, payment))
            if known is not None:
                rest -= known.amount
                continue
            part = min(rest, payment.refundable)
            is_taken = payment.state in (State.CAPTURED, State.PARTIALLY_REFUNDED)
            if is_taken and Money.zero(rest.currency_code) < part:
                await self._move(work, change, payment, Kind.REFUND, part)
                rest -= part
        if Money.zero(rest.currency_code) < rest:
            await _tell_shortfall(work, change, payments, rest)

    async def _move(
        self, work: Work, change: BookingChange, payment: Payment, kind: Kind, amount: Money
    ) -> None:
        now = self.clock.now()
        movement = Movement(
            id=new_id(),
            payment_id=payment.id,
            kind=kind,
            amount=amount,
            reason=_REASONS.get(change.happening, f"booking_{change.happening}"),
            actor=_ACTOR,
            created_at=now,
            updated_at=now,
        )
        if kind is not Kind.REFUND and await work.decision_is_pending(payment.id):
            return  # a manager was quicker
        if not await work.add_movement(movement, _key(change, kind, payment)):
            return
        if kind is Kind.REFUND:
            await work.save(payment, [payment.with_refund_reserved(amount, now)], actor=_ACTOR)
        await work.look_at(payment.id, now)


async def _tell_shortfall(
    work: Work, change: BookingChange, payments: Sequence[Payment], rest: Money
) -> None:
    """Raise the alarm, but for what others (a manager, somebody at the provider's dashboard) gave back or are about to.

    Booking may have called the visit off before it heard of that, and asks for money that is with the customer
    already. Should a refund of theirs fail, the payment is flagged. What booking itself asked for before is no
    excuse: each of its events names what goes back beyond that.
    """
    refunds = await work.refunds_of([payment.id for payment in payments])
    by_others = sum(
        refund.amount.amount_minor
        for refund in refunds
        if refund.actor != _ACTOR and refund.progress is not Progress.FAILED
    )
    missing_minor = rest.amount_minor - by_others
    if missing_minor > 0:
        REFUND_SHORTFALL.inc()
        log.error("refund_not_covered", booking=str(change.booking_id), missing_minor=missing_minor)


def _uncovered_fee(change: BookingChange, payments: Sequence[Payment]) -> Money | None:
    if change.happening is not Happening.NO_SHOW or change.fee is None:
        return None
    kept = sum(
        payment.captured.amount_minor - payment.refunded.amount_minor
        for payment in payments
        if payment.purpose is not Purpose.TIP
    )
    return Money(change.fee.currency_code, max(change.fee.amount_minor - kept, 0))


def _key(change: BookingChange, kind: Kind, payment: Payment) -> RequestKey:
    name = f"{change.booking_id}:{change.revision}:{payment.id}"
    return RequestKey(_ACTOR, str(kind), name, b"")
