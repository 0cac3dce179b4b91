"""Somebody takes the time that was kept for them."""

from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.ids import new_id

from kursi_booking.domain import waitlist as verbs
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import CatalogUnavailable, SalonNotFound, SalonNotLive
from kursi_booking.domain.policy import Party
from kursi_booking.domain.waitlist import Entry
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, NewBooking, Render
from kursi_booking.ports.offers import Offers
from kursi_booking.ports.waitlist import DescribeEntry, Waitlist
from kursi_booking.usecases.answer_waitlist import act_on_entry, visible_entry
from kursi_booking.usecases.expire_hold import SYSTEM
from kursi_booking.usecases.first_answer import or_first_answer


class AcceptOffer:
    """Turns an offer into a booking, in one transaction: both have happened, or neither."""

    def __init__(
        self,
        waitlist: Waitlist,
        store: BookingStore,
        offers: Offers,
        clock: Clock,
        *,
        describe_entry: DescribeEntry,
        describe: DescribeEvent,
        render: Render,
    ) -> None:
        self._waitlist = waitlist
        self._store = store
        self._offers = offers
        self._clock = clock
        self._describe_entry = describe_entry
        self._describe = describe
        self._render = render

    async def __call__(self, entry_id: UUID, offer_id: UUID, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the new booking, or the first answer when the request is a repetition.

        Raises: WaitlistEntryNotFound, OfferGone, TooManyBookings, SalonNotLive.
        """
        work = self._accept_if_live(entry_id, offer_id, request, caller)
        return await or_first_answer(work, self._store, request)

    async def _accept_if_live(
        self, entry_id: UUID, offer_id: UUID, request: KeyedRequest, caller: Caller
    ) -> bytes:
        await self._expect_live(visible_entry(await self._waitlist.find(entry_id), caller))
        return await run_with_retries(lambda: self._accept(entry_id, offer_id, request, caller))

    async def _expect_live(self, entry: Entry) -> None:
        """Give the time back that a salon which takes no bookings any more has kept. While nobody can say what became of
        it, its word counts.

        Raises: SalonNotLive, SalonNotFound.
        """
        try:
            await self._offers.expect_live(entry.salon_id)
        except CatalogUnavailable:
            return
        except (SalonNotLive, SalonNotFound):
            await run_with_retries(lambda: self._withdraw(entry.entry_id))
            raise

    async def _withdraw(self, entry_id: UUID) -> None:
        async with self._waitlist.work() as work:
            entry = await work.locked(entry_id)
            if entry is None:
                return
            change = verbs.withdraw(entry, Act(SYSTEM, Party.SYSTEM, self._clock.now()))
            if change.event is not None:
                await work.save(change, self._describe_entry(change))

    async def _accept(self, entry_id: UUID, offer_id: UUID, request: KeyedRequest, caller: Caller) -> bytes:
        async with self._waitlist.work() as work:
            # Whoever else answers the offer, or lets it run out or go, waits here and finds it gone.
            entry = visible_entry(await work.locked(entry_id), caller)
            act = act_on_entry(entry, caller, self._clock.now())
            held = verbs.open_offer(entry, act, offer_id)
            change, created = verbs.accept(entry, act, offer_id, new_id())
            new = NewBooking(
                change=created,
                claims=await work.claims_of(offer_id),
                active_limit=held.active_limit if act.party is Party.CUSTOMER else None,
                event=self._describe(None, created),
                request=request,
                answer=self._render(created.booking, None),
            )
            await work.save_accepted(change, self._describe_entry(change), new)
            return new.answer
