"""A customer pays for a booking."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.idempotency import RequestInProgress
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

from kursi_payment.domain.errors import BookingNotFound, PaymentInProgress, PaymentNotFound
from kursi_payment.domain.payment import Payment, Purpose, State
from kursi_payment.domain.terms import amount_due
from kursi_payment.ports import (
    Begin,
    Bookings,
    Busy,
    Charge,
    Conversations,
    OneIsOpen,
    Render,
    RequestKey,
    Source,
)
from kursi_payment.usecases.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder:
    """What the customer asks for. `shown` is the amount that they saw."""

    booking_id: UUID
    purpose: Purpose
    source: Source
    callback_url: str
    shown: Money | None
    authorize_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePayment:
    """Claims, charges, answers.

    The payment's own row is the claim: it carries the request's key and the provider handle, and is committed
    before the provider is told. The answer is kept under the key only once the outcome is known, by whoever
    holds the conversation: so a repetition that finds no answer knows that the outcome is open, and finishes
    what was begun, by asking the provider and, at most, giving the same order under the same handle again.
    """

    begin: Begin
    bookings: Bookings
    conversations: Conversations
    talk: Talk
    clock: Clock
    render: Render
    largest_tip_minor: int
    patience: Callable[[], timedelta]

    async def __call__(self, order: PayOrder, key: RequestKey, caller: Caller) -> bytes:
        """The answer, as it was kept if this request was answered before.

        Raises: BookingNotFound, BookingUnavailable, NothingDue, AmountMismatch, PaymentInProgress;
        RequestInProgress when a twin of this request takes longer than the caller waits.
        """
        async with self.begin() as work:
            kept = await work.kept_reply(key)
            payment = await work.payment_of_request(key)
        if kept is not None:
            return kept
        if payment is None:
            payment = await self._claim(await self._drafted(order, caller), key)
        try:
            async with self.conversations.hold(payment.id, self.patience()):
                return await self._charge(payment, order, key)
        except Busy as error:
            raise RequestInProgress from error

    async def _drafted(self, order: PayOrder, caller: Caller) -> Payment:
        terms = await self.bookings.terms(order.booking_id)
        if caller.user_id is None or terms.customer_id != caller.user_id:
            raise BookingNotFound
        now = self.clock.now()
        amount = amount_due(
            terms, order.purpose, order.shown, largest_tip_minor=self.largest_tip_minor, now=now
        )
        nothing = Money.zero(amount.currency_code)
        return Payment(
            id=new_id(),
            booking_id=order.booking_id,
            salon_id=terms.salon_id,
            customer_id=caller.user_id,
            purpose=order.purpose,
            state=State.CREATED,
            amount=amount,
            authorized=nothing,
            captured=nothing,
            refunded=nothing,
            refunding=nothing,
            authorize_only=order.authorize_only,
            provider=self.talk.provider.name,
            handle=uuid4(),  # the provider takes version 4 only
            created_at=now,
            updated_at=now,
        )

    async def _claim(self, draft: Payment, key: RequestKey) -> Payment:
        """The payment of this request: the draft, or that of a twin who was quicker."""
        try:
            async with self.begin() as work:
                first_look = self.clock.now() + self.talk.patience.recheck_created_after
                if await work.add_payment(draft, key, first_look):
                    await work.audit(draft, "created", {"amount": str(draft.amount)}, key.caller)
                    return draft
        except OneIsOpen:
            # Which of the two unique indexes refuses a twin depends on the moment.
            await self._refuse_unless_twin(draft, key)
        async with self.begin() as work:
            twin = await work.payment_of_request(key)
        if twin is None:
            raise PaymentNotFound
        return twin

    async def _refuse_unless_twin(self, draft: Payment, key: RequestKey) -> None:
        async with self.begin() as work:
            if await work.payment_of_request(key) is not None:
                return
            other = await work.open_payment(draft.booking_id, draft.purpose)
        raise PaymentInProgress(payment_id=other.id if other else "")

    async def _charge(self, payment: Payment, order: PayOrder, key: RequestKey) -> bytes:
        async with self.begin() as work:
            kept = await work.kept_reply(key)
        if kept is not None:
            return kept
        charge = Charge(
            handle=payment.handle,
            amount=payment.amount,
            source=order.source,
            callback_url=order.callback_url,
            authorize_only=payment.authorize_only,
            payment_id=payment.id,
            booking_id=payment.booking_id,
        )
        await self.talk.order(payment.id, charge)
        async with self.begin() as work:
            current = await work.payment(payment.id)
            if current is None:
                raise PaymentNotFound
            reply = self.render(current, await work.movements(payment.id))
            if current.state is not State.CREATED:
                await work.keep_reply(key, reply)
        return reply
