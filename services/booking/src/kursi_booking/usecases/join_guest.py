"""The person behind a phone number came: what the salon booked by that number is theirs."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain import waitlist
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import AlreadyWaiting
from kursi_booking.domain.guest import JoinedGuest
from kursi_booking.domain.lifecycle import join_guest
from kursi_booking.domain.policy import Party
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, Work
from kursi_booking.ports.waitlist import DescribeEntry, Waitlist
from kursi_booking.usecases.saving import save

CONSUMER = "booking-guests"
_ACTOR = "service:identity"
_BEING_WRITTEN = timedelta(hours=1)
"""How long after its guest was joined a visit can still appear under the guest's id: far longer than any request lasts."""


class JoinGuest:
    """Gives a guest's visits, and what they wait for, to the account that takes the guest's place."""

    def __init__(
        self,
        store: BookingStore,
        waitlist: Waitlist,
        clock: Clock,
        *,
        describe: DescribeEvent,
        describe_entry: DescribeEntry,
    ) -> None:
        self._waitlist = waitlist
        self._describe_entry = describe_entry
        self._store = store
        self._clock = clock
        self._describe = describe

    async def __call__(self, event_id: UUID, joined: JoinedGuest) -> None:
        """Once per event, however often it is told."""
        # What they wait for first: an offer that they accept from then on becomes a visit of the account.
        await run_with_retries(lambda: self._join_entries(joined))
        await run_with_retries(lambda: self._once(event_id, joined))

    async def stragglers(self) -> None:
        """What was being written when its guest was joined: the event came too early to find it."""
        for joined in await self._store.late_guests(self._clock.now() - _BEING_WRITTEN):
            await run_with_retries(partial(self._join_entries, joined))
            await run_with_retries(partial(self._join_late, joined))

    async def _once(self, event_id: UUID, joined: JoinedGuest) -> None:
        async with self._store.work() as work:
            if await work.is_new(CONSUMER, [event_id]):
                await work.remember_guest(joined)
                await self._join(work, joined)

    async def _join_entries(self, joined: JoinedGuest) -> None:
        """Once, however often it is told: then nothing is the guest's any more. Who already waits for the same keeps that."""
        act = Act(_ACTOR, Party.SYSTEM, self._clock.now())
        async with self._waitlist.work() as work:
            # Nobody begins to wait for the same as the account meanwhile.
            await work.open_entries(joined.salon_id, joined.user_id)
            for entry in await work.of_guest(joined.guest_id):
                change = waitlist.join_guest(entry, act, joined.user_id)
                try:
                    await work.give(change, self._describe_entry(change))
                except AlreadyWaiting:
                    ended = waitlist.cancel(entry, act)
                    await work.save(ended, self._describe_entry(ended))
                    change = waitlist.join_guest(ended.entry, act, joined.user_id)
                    await work.give(change, self._describe_entry(change))

    async def _join_late(self, joined: JoinedGuest) -> None:
        async with self._store.work() as work:
            await self._join(work, joined)

    async def _join(self, work: Work, joined: JoinedGuest) -> None:
        act = Act(_ACTOR, Party.SYSTEM, self._clock.now())
        bookings = [await work.locked(booking_id) for booking_id in await work.visits_of(joined.guest_id)]
        # After the bookings, like everybody who changes one: whoever cancels one of them counts under the same id.
        await work.merge_counters(joined)
        for booking in bookings:
            if booking is not None:
                await save(work, self._describe, booking, join_guest(booking, act, joined.user_id), act)
