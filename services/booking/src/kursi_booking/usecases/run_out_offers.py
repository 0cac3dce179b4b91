"""Time that was kept for an answer is free again when none came, and nobody waits for what is over."""

from collections.abc import Callable, Sequence
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain.booking import Act
from kursi_booking.domain.policy import Party
from kursi_booking.domain.waitlist import Entry, EntryChange, give_up, run_out
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.waitlist import DescribeEntry, Waitlist, WaitlistWork
from kursi_booking.usecases.expire_hold import SYSTEM

Verb = Callable[[Entry, Act], EntryChange]

_BATCH = 100


class RunOutOffers:
    """Ends offers that nobody answered, the longest overdue first. What their time is for next, their events decide."""

    def __init__(self, waitlist: Waitlist, clock: Clock, describe: DescribeEntry) -> None:
        self._waitlist = waitlist
        self._clock = clock
        self._describe = describe

    async def __call__(self, most: int) -> int:
        """End up to `most` in one transaction and say how many it were. Several callers share the work."""
        return await run_with_retries(lambda: self._run_out(most))

    async def one(self, offer_id: UUID) -> bool:
        """Whether this offer was overdue and has ended now. Does nothing for anything else."""
        return await run_with_retries(lambda: self._run_out_one(offer_id))

    async def end_what_is_over(self) -> None:
        """End waiting entries whose last range is over."""
        while await run_with_retries(self._give_up) == _BATCH:
            pass

    async def _run_out(self, most: int) -> int:
        async with self._waitlist.work() as work:
            return await self._save(work, await work.unanswered(self._clock.now(), most), run_out)

    async def _run_out_one(self, offer_id: UUID) -> bool:
        async with self._waitlist.work() as work:
            entry = await work.of_offer(offer_id)
            if entry is None or entry.offer is None or entry.offer.offer_id != offer_id:
                return False
            return await self._save(work, [entry], run_out) > 0

    async def _give_up(self) -> int:
        async with self._waitlist.work() as work:
            return await self._save(work, await work.over(self._clock.now(), _BATCH), give_up)

    async def _save(self, work: WaitlistWork, entries: Sequence[Entry], verb: Verb) -> int:
        act = Act(SYSTEM, Party.SYSTEM, self._clock.now())
        changes = [verb(entry, act) for entry in entries]
        happened = [change for change in changes if change.event is not None]
        for change in happened:
            await work.save(change, self._describe(change))
        return len(happened)


class ExpireHoldOrOffer:
    """Lets go of whatever overdue thing keeps a time: for whoever wants it; see `kursi_booking.ports.holds.HoldExpiry`."""

    def __init__(self, expire_hold: HoldExpiry, offers: RunOutOffers) -> None:
        self._expire_hold = expire_hold
        self._offers = offers

    async def __call__(self, booking_id: UUID) -> bool:
        """Whether the hold of this booking, or the offer with this id, was due and is expired now."""
        return await self._expire_hold(booking_id) or await self._offers.one(booking_id)
