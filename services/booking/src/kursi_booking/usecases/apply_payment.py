"""What happened to a payment changes its booking: each step once, in whatever order and however often it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID, uuid5

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.money import Money

from kursi_booking.domain import payment as money
from kursi_booking.domain.booking import Act, Booking
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.domain.policy import Party
from kursi_booking.domain.state import State
from kursi_booking.ports.bookings import BookingStore, CountedPayment, DescribeEvent, TimeTaken, Work
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.usecases.saving import save, save_moved

CONSUMER = "booking-payments"
_ACTOR = "service:payment"


class Step(Enum):
    """What of all that happens to payments changes a booking."""

    CAPTURED = "captured"
    FAILED = "failed"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class PaymentStep:
    """One step of a payment. `captured` and `refunded` are its totals, so a later step makes up for a lost one."""

    event_id: UUID
    step: Step
    payment_id: UUID
    booking_id: UUID
    is_prepayment: bool
    captured: Money
    refunded: Money


class ApplyPayment:
    """Takes a step of a payment into account.

    The booking's lock puts payments, expiry and cancellation in one order; what was counted of the payment makes a
    repeated and an overtaken step change nothing.
    """

    def __init__(
        self, store: BookingStore, expire_hold: HoldExpiry, clock: Clock, describe: DescribeEvent
    ) -> None:
        self._store = store
        self._expire_hold = expire_hold
        self._clock = clock
        self._describe = describe

    async def __call__(self, step: PaymentStep) -> None:
        """Apply it. Money for a hold that has expired takes the time again, or is due for refund when that is gone.

        Raises: BookingNotFound for a booking that was never made here; RefundExceedsPayment.
        """
        try:
            await run_with_retries(lambda: self._apply(step))
        except _TimeGone as gone:
            await self._apply_late(step, gone.claims)

    async def _apply_late(self, step: PaymentStep, claims: Sequence[Claim]) -> None:
        """Holds that are over are no reason not to take the time; anything else is."""
        overdue = await self._store.overdue_holds(claims, self._clock.now())
        for booking_id in overdue:
            await self._expire_hold(booking_id)
        try:
            await run_with_retries(lambda: self._apply(step, takes_time_again=bool(overdue)))
        except _TimeGone:
            await run_with_retries(lambda: self._apply(step, takes_time_again=False))

    async def _apply(self, step: PaymentStep, *, takes_time_again: bool = True) -> None:
        async with self._store.work() as work:
            if step.event_id not in await work.is_new(CONSUMER, [step.event_id]):
                return
            booking = await work.locked(step.booking_id)
            if booking is None:
                raise BookingNotFound
            act = Act(_ACTOR, Party.SYSTEM, self._clock.now())
            counted = await work.counted(step.payment_id)
            if step.captured.amount_minor > counted.captured_minor:
                part = _Part(step, counted)
                booking = await self._capture(work, booking, act, part, takes_time_again=takes_time_again)
            if step.refunded.amount_minor > counted.refunded_minor:
                change = money.refund_recorded(booking, act, *_Part(step, counted).refunded)
                booking = await save(work, self._describe, booking, change, act)
            if step.step is Step.FAILED and step.is_prepayment:
                change = money.payment_failed(booking, act, step.payment_id)
                await save(work, self._describe, booking, change, act)
            await work.count_payment(step.payment_id, step.booking_id, _most(counted, step))

    async def _capture(
        self, work: Work, booking: Booking, act: Act, part: "_Part", *, takes_time_again: bool
    ) -> Booking:
        part_id, amount = part.captured
        if not money.is_late_capture(booking, part_id):
            change = money.payment_captured(booking, act, part_id, amount)
        elif takes_time_again and _can_go_on(booking, act, amount):
            return await self._reinstate(work, booking, act, part)
        else:
            change = money.refund_late_payment(booking, act, part_id, amount)
        return await save(work, self._describe, booking, change, act)

    async def _reinstate(self, work: Work, booking: Booking, act: Act, part: "_Part") -> Booking:
        change = money.reinstate(booking, act, *part.captured)
        claims = await work.claims_of(booking.booking_id)
        try:
            return await save_moved(work, self._describe, booking, change, act, claims=claims)
        except TimeTaken as taken:
            raise _TimeGone(claims) from taken


@dataclass(frozen=True, slots=True)
class _Part:
    """What a step adds to what was counted, under ids that are the same whenever it is told."""

    step: PaymentStep
    counted: CountedPayment

    @property
    def captured(self) -> tuple[UUID, Money]:
        total, before = self.step.captured, self.counted.captured_minor
        part_id = uuid5(self.step.payment_id, f"captured {total.amount_minor}")
        return part_id if before else self.step.payment_id, _less(total, before)

    @property
    def refunded(self) -> tuple[UUID, Money]:
        total = self.step.refunded
        part_id = uuid5(self.step.payment_id, f"refunded {total.amount_minor}")
        return part_id, _less(total, self.counted.refunded_minor)


class _TimeGone(Exception):
    """Somebody else has one of these claims; what was written must be rolled back."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        super().__init__()
        self.claims = claims


def _can_go_on(booking: Booking, act: Act, amount: Money) -> bool:
    """Whether an expired hold can be what it would have been: paid as asked for, and still to come."""
    is_enough = booking.prepayment <= booking.kept + amount
    return booking.state is State.EXPIRED and act.at < booking.during.start and is_enough


def _most(counted: CountedPayment, step: PaymentStep) -> CountedPayment:
    return CountedPayment(
        max(counted.captured_minor, step.captured.amount_minor),
        max(counted.refunded_minor, step.refunded.amount_minor),
    )


def _less(total: Money, counted_minor: int) -> Money:
    return Money(total.currency_code, total.amount_minor - counted_minor)
