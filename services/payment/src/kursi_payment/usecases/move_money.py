"""A manager captures, voids or refunds a payment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.clock import Clock
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.etag import check_etag
from kursi_chassis.idempotency import RequestIdReused, RequestInProgress
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

from kursi_payment.domain.errors import AmountTooLarge, IllegalTransition, PaymentNotFound
from kursi_payment.domain.movement import Kind, Movement, Progress, next_step_fits
from kursi_payment.domain.payment import Payment
from kursi_payment.ports import Begin, Busy, Conversations, DecisionPending, Render, RequestKey, Work
from kursi_payment.usecases.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOrder:
    """What the manager asks for; without `amount`, all that there is."""

    payment_id: UUID
    kind: Kind
    amount: Money | None
    reason: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveMoney:
    """Writes the movement down, then has it carried out.

    A refund reserves its amount in the transaction that writes it down, so that no two of them together can
    exceed what was captured, however many are asked for at once.
    """

    begin: Begin
    conversations: Conversations
    talk: Talk
    clock: Clock
    render: Render
    patience: Callable[[], timedelta]

    async def __call__(self, order: MoveOrder, key: RequestKey, caller: Caller) -> bytes:
        """The payment afterwards, as it was kept if this request was answered before.

        A refund whose outcome is still open shows as pending and goes on by itself.

        Raises: PaymentNotFound, IllegalTransition, RefundTooLarge, AmountTooLarge, StaleEtag;
        RequestInProgress for a capture or void whose outcome is still open.
        """
        async with self.begin() as work:
            kept = await work.kept_reply(key)
        if kept is not None:
            return kept
        movement = await self._write_down(order, key, caller)
        try:
            async with self.conversations.hold(movement.payment_id, self.patience()):
                if not await self._is_settled(movement.id):
                    await self.talk.look(movement.payment_id)
        except Busy:
            pass  # whoever holds the conversation carries this movement out too, or the jobs do
        return await self._answer(movement, key)

    async def _write_down(self, order: MoveOrder, key: RequestKey, caller: Caller) -> Movement:
        async with self.begin() as work:
            payment = await work.locked_payment(order.payment_id)
            if payment is None or not _may_manage(caller, payment):
                raise PaymentNotFound
            twin = await work.movement_of_request(key)
            if twin is not None:
                return twin
            check_etag(order.etag, payment.revision)
            movement = self._movement(order, payment, caller)
            if order.kind is Kind.REFUND:
                reserved = payment.with_refund_reserved(movement.amount, movement.created_at)
                await work.save(payment, [reserved], actor=caller.actor)
            await _add(work, movement, key, payment)
            await work.audit(
                payment,
                f"{order.kind}_asked",
                {"amount": str(movement.amount), "reason": order.reason},
                caller.actor,
            )
            # Should we not come to it ourselves, the jobs do.
            await work.look_at(payment.id, movement.created_at + self.talk.patience.recheck_created_after)
        return movement

    def _movement(self, order: MoveOrder, payment: Payment, caller: Caller) -> Movement:
        now = self.clock.now()
        return Movement(
            id=new_id(),
            payment_id=payment.id,
            kind=order.kind,
            amount=_amount(order, payment),
            reason=order.reason,
            actor=caller.actor,
            created_at=now,
            updated_at=now,
        )

    async def _is_settled(self, movement_id: UUID) -> bool:
        async with self.begin() as work:
            movement = await work.movement(movement_id)
        return movement is not None and movement.progress is not Progress.PENDING

    async def _answer(self, written: Movement, key: RequestKey) -> bytes:
        async with self.begin() as work:
            payment = await work.payment(written.payment_id)
            movement = await work.movement(written.id)
            if payment is None or movement is None:
                raise PaymentNotFound
            is_refund = movement.kind is Kind.REFUND
            if movement.progress is Progress.FAILED and not is_refund:
                raise IllegalTransition(state=payment.state, action=movement.kind)
            if movement.progress is Progress.PENDING and not is_refund:
                raise RequestInProgress
            reply = self.render(payment, await work.movements(payment.id))
            if movement.progress is not Progress.PENDING:
                await work.keep_reply(key, reply)
        return reply


def _may_manage(caller: Caller, payment: Payment) -> bool:
    return caller.is_admin or caller.role_in(payment.salon_id) >= Role.MANAGER


def _amount(order: MoveOrder, payment: Payment) -> Money:
    """How much; Raises: IllegalTransition, AmountTooLarge, Invalid for another currency."""
    if not next_step_fits(payment, order.kind):
        raise IllegalTransition(state=payment.state, action=order.kind)
    everything = payment.refundable if order.kind is Kind.REFUND else payment.amount
    amount = order.amount or everything
    if amount.currency_code != everything.currency_code:
        raise _other_currency(everything.currency_code)
    if order.kind is Kind.CAPTURE and everything < amount:
        raise AmountTooLarge(Violation("amount", "AMOUNT_TOO_LARGE"), limit=everything)
    return amount


def _other_currency(currency_code: str) -> Invalid:
    return Invalid(
        Violation(
            "amount.currency_code",
            "OTHER_CURRENCY",
            {"currency": currency_code},
            en="This payment is in {currency}.",
            ar="هذه الدفعة بعملة {currency}.",
        )
    )


async def _add(work: Work, movement: Movement, key: RequestKey, payment: Payment) -> None:
    """Raises: IllegalTransition, RequestIdReused.

    Requests about this payment wait for its row; who has used the key since we looked asked about another one.
    """
    try:
        is_ours = await work.add_movement(movement, key)
    except DecisionPending as error:
        raise IllegalTransition(state=payment.state, action=movement.kind) from error
    if not is_ours:
        raise RequestIdReused
