"""A time that was kept while the customer paid is given back when nothing was paid."""

from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain.booking import Act
from kursi_booking.domain.lifecycle import expire
from kursi_booking.domain.policy import Party
from kursi_booking.ports.bookings import BookingStore, DescribeEvent
from kursi_booking.ports.holds import DueHolds

SYSTEM = "system"


class ExpireHold:
    """Lets go of one hold: for whoever wants its time and finds it overdue."""

    def __init__(self, store: BookingStore, clock: Clock, describe: DescribeEvent) -> None:
        self._store = store
        self._clock = clock
        self._describe = describe

    async def __call__(self, booking_id: UUID) -> bool:
        """Whether the hold was due and is expired now. Does nothing for anything else."""
        return await run_with_retries(lambda: self._expire(booking_id))

    async def _expire(self, booking_id: UUID) -> bool:
        async with self._store.work() as work:
            booking = await work.locked(booking_id)
            if booking is None:
                return False
            change = expire(booking, Act(SYSTEM, Party.SYSTEM, self._clock.now()))
            if change.event is None:
                return False
            await work.save(change, self._describe(booking, change))
        return True


class ExpireHolds:
    """Lets go of the holds that are over, the longest overdue first."""

    def __init__(self, holds: DueHolds, clock: Clock, describe: DescribeEvent) -> None:
        self._holds = holds
        self._clock = clock
        self._describe = describe

    async def __call__(self, most: int) -> int:
        """Expire up to `most` in one transaction and say how many it were. Several callers share the work."""
        return await run_with_retries(lambda: self._expire(most))

    async def _expire(self, most: int) -> int:
        now = self._clock.now()
        async with self._holds.take(now, most) as batch:
            pairs = [(held, expire(held, Act(SYSTEM, Party.SYSTEM, now))) for held in batch.bookings]
            events = [self._describe(held, change) for held, change in pairs]
            if pairs:
                await batch.save_expired([change for _, change in pairs], events)
        return len(pairs)
