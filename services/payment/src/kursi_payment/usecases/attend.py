"""Payments whose time has come are compared with their provider."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kursi_chassis.clock import Clock

from kursi_payment.ports import Begin, Busy, Conversations
from kursi_payment.usecases.talk import Talk

_AT_ONCE = 16
# A look asks up to three times, each within the provider's time-out; who dies in one is followed after that.
_FOLLOWED_AFTER = timedelta(minutes=1)
_BUSY_AGAIN_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """Works off the queue of payments to look at, which notices, movements and time fill."""

    begin: Begin
    conversations: Conversations
    talk: Talk
    clock: Clock
    sweep_every: timedelta
    sweep_for: timedelta

    async def due(self) -> int:
        """Look at up to sixteen payments that are due; how many. One that fails does not keep the others
        from their turn, and is due again a minute later.
        """
        now = self.clock.now()
        async with self.begin() as work:
            ids = await work.claim_due(now, now + _FOLLOWED_AFTER, _AT_ONCE)
        outcomes = await asyncio.gather(
            *(self._one(payment_id) for payment_id in ids), return_exceptions=True
        )
        _raise_first(outcomes)
        return len(ids)

    async def sweep(self) -> None:
        """Have settled payments compared again whose last comparison is a day old."""
        now = self.clock.now()
        async with self.begin() as work:
            await work.start_sweep(now - self.sweep_every, now - self.sweep_for, now)

    async def _one(self, payment_id: UUID) -> None:
        try:
            async with self.conversations.hold(payment_id, timedelta(0)):
                await self.talk.look(payment_id)
        except Busy:
            async with self.begin() as work:
                await work.look_at(payment_id, self.clock.now() + _BUSY_AGAIN_AFTER)


def _raise_first(outcomes: Sequence[BaseException | None]) -> None:
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
