"""What is said with the provider about one payment, and what becomes of it in our books.

Everything here runs inside the payment's conversation (`ports.Conversations`), so that nobody else of ours
moves its money meanwhile. Each request is written down in a transaction of its own before it leaves, and its
outcome in another one after: a process that dies in between leaves a payment that the next look repairs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.ids import new_id

from kursi_payment.domain.errors import Contradiction, PaymentNotFound
from kursi_payment.domain.movement import Kind, Movement, Progress, Verdict, judge
from kursi_payment.domain.payment import NOT_RECEIVED, Payment, State
from kursi_payment.domain.standing import Absent, Answer, NotDone, Statement, Unknown, follow
from kursi_payment.domain.timing import Patience
from kursi_payment.metrics import LOOKS
from kursi_payment.ports import Begin, Charge, Look, Provider, RequestKey, Work


@dataclass(frozen=True, slots=True)
class Heard:
    """What the provider said, and when it was asked: nothing that was under way then can be judged by a later clock,
    however long whoever asked stood still before going on.
    """

    statement: Statement
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversations of one provider."""

    begin: Begin
    provider: Provider
    clock: Clock
    patience: Patience

    async def look(self, payment_id: UUID) -> None:
        """Ask where the payment stands, catch up, and carry out what is waiting to be moved."""
        began_at = self.clock.now()
        payment = await self._read(payment_id)
        finding = await self.provider.find(payment.handle)
        LOOKS.labels(type(finding).__name__.lower()).inc()
        wait = None
        match finding:
            case Statement() if await self._catch_up(payment_id, finding):
                wait = await self._carry_out(payment_id, Heard(finding, began_at))
                await self._expire(payment_id, began_at)
            case Absent():
                await self._not_there(payment, began_at)
            case Unknown(retry_after=retry_after):
                wait = retry_after
        await self._look_again(payment_id, began_at, wait)

    async def order(self, payment_id: UUID, charge: Charge) -> None:
        """Have the provider charge, once, however often and by whomever this was begun before."""
        began_at = self.clock.now()
        payment = await self._read(payment_id)
        was_sent = payment.sent_at is not None
        if was_sent:
            await self.look(payment_id)
        written_at = self.clock.now()
        async with self.begin() as work:
            is_to_be_sent = await work.mark_sent(payment_id, written_at)
        if not is_to_be_sent or self.patience.is_too_late_to_send(written_at, self.clock.now()):
            return
        answer = await self.provider.charge(charge)
        if isinstance(answer, NotDone) and not was_sent:
            await self._refuse(payment_id, answer, written_at)
        else:
            # After an earlier try whose answer was lost, a refusal of this one says nothing of that one.
            await self._ask_if_unknown(payment_id, charge.handle, answer)
        await self._look_again(payment_id, began_at, None)

    async def _refuse(self, payment_id: UUID, answer: NotDone, written_at: datetime) -> None:
        reason = "PROVIDER_REFUSED" if answer.is_final else "PROVIDER_UNAVAILABLE"
        async with self.begin() as work:
            payment = await _locked(work, payment_id)
            # Who lost the conversation meanwhile speaks for an order that somebody else has repeated since.
            if payment.state is State.CREATED and payment.sent_at == written_at:
                await work.save(payment, [payment.refused(reason, self.clock.now())], actor=self._actor)

    async def _ask_if_unknown(self, payment_id: UUID, handle: UUID, answer: Answer) -> Statement | None:
        """What is known after an answer: the answer itself, or what the provider says when it is asked."""
        finding = answer if isinstance(answer, Statement) else await self.provider.find(handle)
        if isinstance(finding, Statement) and await self._catch_up(payment_id, finding):
            return finding
        return None

    async def _catch_up(self, payment_id: UUID, statement: Statement) -> bool:
        """Go where the provider says that the payment is. False when that cannot be: a person has to look, and
        no money moves by what it says.
        """
        now = self.clock.now()
        async with self.begin() as work:
            before = await _locked(work, payment_id)
            try:
                steps = follow(before, statement, now)
            except Contradiction as contradiction:
                await work.flag(before, contradiction.what)
                return False
            await work.save(before, steps, actor=self._actor)
            if steps:
                await self._note_refund_made_there(work, before, steps[-1], now)
                await self._release_if_visit_is_off(work, steps[-1], now)
        return True

    async def _note_refund_made_there(
        self, work: Work, before: Payment, after: Payment, now: datetime
    ) -> None:
        if before.refunded < after.refunded:
            movement = Movement(
                id=new_id(),
                payment_id=after.id,
                kind=Kind.REFUND,
                amount=after.refunded - before.refunded,
                progress=Progress.SUCCEEDED,
                reason="made_at_provider",
                actor=self._actor,
                created_at=now,
                updated_at=now,
            )
            await work.add_movement(movement, RequestKey(self._actor, "refund", "", b""))

    async def _release_if_visit_is_off(self, work: Work, payment: Payment, now: datetime) -> None:
        """The other half of giving reservations up when a visit is called off: this one came afterwards, or a
        manager was about to capture it at that moment, and could not.
        """
        if payment.state is State.AUTHORIZED and await work.has_ended(payment.booking_id):
            movement = Movement(
                id=new_id(),
                payment_id=payment.id,
                kind=Kind.VOID,
                amount=payment.amount,
                reason="booking_gone",
                actor="service:booking",
                created_at=now,
                updated_at=now,
            )
            await work.add_movement(
                movement, RequestKey("service:booking", "void", f"late:{payment.id}", b"")
            )

    async def _carry_out(self, payment_id: UUID, heard: Heard) -> timedelta | None:
        """Settle what is waiting, oldest first and one after the other, as each changes the totals that the
        next one is judged by. Returns how long the provider asks us to wait, if it does.
        """
        told: set[UUID] = set()
        while movement := await self._next_pending(payment_id):
            verdict = judge(movement, heard.statement, heard.asked_at, self.patience.outcome_settles_after)
            match verdict:
                case Verdict.DONE:
                    await self._settle(movement, Progress.SUCCEEDED)
                case Verdict.IMPOSSIBLE:
                    await self._give_up(movement, heard.statement)
                case Verdict.UNCLEAR:
                    await self._flag(payment_id, "REFUND_UNCLEAR")
                    return None
                case Verdict.SEND if movement.id not in told:
                    told.add(movement.id)
                    following = await self._tell(movement, heard)
                    if not isinstance(following, Heard):
                        return following
                    heard = following
                case _:
                    return None
        # While refunds of ours were on their way, those that were made over there could not be told apart.
        await self._catch_up(payment_id, heard.statement)
        return None

    async def _tell(self, movement: Movement, heard: Heard) -> Heard | timedelta | None:
        """Send a movement. Returns what the provider says now, or, when it does not, how long to wait."""
        told_at = self.clock.now()
        written = movement.about_to_be_sent(heard.statement, told_at)
        async with self.begin() as work:
            payment = await _locked(work, movement.payment_id)
            if await work.movement(movement.id) != movement:
                # A restart of PostgreSQL let our conversation go, and whoever has it now is at this movement.
                return None
            await work.save_movement(written)
        if self.patience.is_too_late_to_send(told_at, self.clock.now()):
            return None
        answer = await self._move(payment, movement)
        if not isinstance(answer, NotDone):
            found = await self._ask_if_unknown(payment.id, payment.handle, answer)
            return Heard(found, told_at) if found else None
        if not answer.is_final:
            await self._take_back(written)
            return answer.retry_after
        await self._give_up(written, heard.statement)
        return heard

    async def _give_up(self, movement: Movement, statement: Statement) -> None:
        is_settled = await self._settle(movement, Progress.FAILED)
        if is_settled and movement.kind is Kind.REFUND and statement.has_money_left:
            # Nobody tries again, and whoever asked for it may be long gone.
            await self._flag(movement.payment_id, "REFUND_REFUSED")

    async def _take_back(self, written: Movement) -> None:
        async with self.begin() as work:
            await _locked(work, written.payment_id)
            # Who lost the conversation meanwhile must not wipe out that somebody else has sent it since.
            if await work.movement(written.id) == written:
                await work.save_movement(written.not_sent(self.clock.now()))

    async def _move(self, payment: Payment, movement: Movement) -> Answer:
        match movement.kind:
            case Kind.CAPTURE:
                return await self.provider.capture(payment.handle, movement.amount)
            case Kind.VOID:
                return await self.provider.void(payment.handle)
            case Kind.REFUND:
                return await self.provider.refund(payment.handle, movement.amount)

    async def _settle(self, movement: Movement, progress: Progress) -> bool:
        """False when somebody else has settled it, or sent it again, since it was judged."""
        now = self.clock.now()
        async with self.begin() as work:
            payment = await _locked(work, movement.payment_id)
            if await work.movement(movement.id) != movement:
                return False
            await work.save_movement(movement.settled(progress, now))
            if movement.kind is Kind.CAPTURE and progress is Progress.FAILED:
                await self._release_if_visit_is_off(work, payment, now)
            if movement.kind is Kind.REFUND:
                done = progress is Progress.SUCCEEDED
                after = (
                    payment.with_reserved_refund_done(movement.amount, now)
                    if done
                    else payment.with_refund_released(movement.amount, now)
                )
                await work.save(payment, [after], actor=movement.actor)
        return True

    async def _expire(self, payment_id: UUID, asked_at: datetime) -> None:
        """Stop waiting for the customer if they had not acted by what the provider said when it was asked."""
        async with self.begin() as work:
            payment = await _locked(work, payment_id)
            if self.patience.is_over(payment, asked_at):
                await work.save(payment, [payment.expired(self.clock.now())], actor="system")

    async def _not_there(self, payment: Payment, asked_at: datetime) -> None:
        if payment.state is State.FAILED:
            return  # it was turned away, or never arrived
        if payment.state is not State.CREATED:
            await self._flag(payment.id, "UNKNOWN_TO_PROVIDER")
            return
        async with self.begin() as work:
            current = await _locked(work, payment.id)
            # Read again: whoever has the conversation by now may have sent it after the provider was asked.
            if current.state is State.CREATED and self.patience.is_settled(current, asked_at):
                await work.save(current, [current.refused(NOT_RECEIVED, self.clock.now())], actor="system")

    async def _flag(self, payment_id: UUID, what: str) -> None:
        async with self.begin() as work:
            await work.flag(await _locked(work, payment_id), what)

    async def _look_again(self, payment_id: UUID, began_at: datetime, wait: timedelta | None) -> None:
        now = self.clock.now()
        async with self.begin() as work:
            payment = await _locked(work, payment_id)
            pending = [m for m in await work.movements(payment_id) if m.progress is Progress.PENDING]
            following = self.patience.next_look(payment, now, pending)
            if wait is not None:
                following = max(following or now, now + wait)
            await work.looked(payment_id, Look(began_at, now, following))

    async def _next_pending(self, payment_id: UUID) -> Movement | None:
        async with self.begin() as work:
            movements = await work.movements(payment_id)
        return next((movement for movement in movements if movement.progress is Progress.PENDING), None)

    async def _read(self, payment_id: UUID) -> Payment:
        async with self.begin() as work:
            payment = await work.payment(payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment

    @property
    def _actor(self) -> str:
        return f"provider:{self.provider.name}"


async def _locked(work: Work, payment_id: UUID) -> Payment:
    payment = await work.locked_payment(payment_id)
    if payment is None:
        raise PaymentNotFound
    return payment
