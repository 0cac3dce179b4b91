"""Somebody looks at a payment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.clock import Clock

from kursi_payment.domain.errors import PaymentNotFound
from kursi_payment.domain.movement import Movement
from kursi_payment.domain.payment import UNDECIDED, Payment
from kursi_payment.ports import Begin, Busy, Conversations
from kursi_payment.usecases.talk import Talk


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPayment:
    """Answers from our books, after asking the provider when the outcome is open.

    That is how a customer who comes back from 3-D Secure sees the outcome without waiting for a notice.
    """

    begin: Begin
    conversations: Conversations
    talk: Talk
    clock: Clock
    ask_within_seconds: float

    async def __call__(self, payment_id: UUID, caller: Caller) -> tuple[Payment, Sequence[Movement]]:
        """Raises: PaymentNotFound, also for a payment that is none of the caller's business."""
        async with self.begin() as work:
            payment = await work.payment(payment_id)
            if payment is None or not may_see(caller, payment):
                raise PaymentNotFound
            is_to_be_asked = payment.state in UNDECIDED and await work.may_ask(
                payment_id, self.clock.now(), self.talk.patience.ask_every
            )
        if is_to_be_asked:
            await self._ask(payment_id)
        async with self.begin() as work:
            payment = await work.payment(payment_id) or payment
            return payment, await work.movements(payment_id)

    async def _ask(self, payment_id: UUID) -> None:
        try:
            async with asyncio.timeout(self.ask_within_seconds):
                async with self.conversations.hold(payment_id, timedelta(0)):
                    await self.talk.look(payment_id)
        except (Busy, TimeoutError):
            return  # what we know is the answer; the next one may know more


def may_see(caller: Caller, payment: Payment) -> bool:
    """The customer whose payment it is, managers of the salon, and admins."""
    is_own = caller.user_id is not None and caller.user_id == payment.customer_id
    return is_own or caller.is_admin or caller.role_in(payment.salon_id) >= Role.MANAGER
