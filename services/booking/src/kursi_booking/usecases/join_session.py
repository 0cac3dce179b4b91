"""Somebody takes seats in a group session."""

from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.ids import new_id

from kursi_booking.domain.booking import Act
from kursi_booking.domain.policy import Party
from kursi_booking.domain.session import Session, join
from kursi_booking.domain.session_errors import SessionFull, SessionNotFound
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, NewBooking, Render
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Offers
from kursi_booking.ports.sessions import SessionStore
from kursi_booking.usecases.access import act_for, expect_customer


@dataclass(frozen=True, slots=True)
class WantedSeats:
    """The seats that somebody wants; without a customer they are the caller's own."""

    session_id: UUID
    seats: int
    note: str
    customer_id: UUID | None


class JoinSession:
    """Makes a booking of seats and takes them from the session, both or neither."""

    def __init__(
        self,
        store: SessionStore,
        bookings: BookingStore,
        offers: Offers,
        expire_hold: HoldExpiry,
        clock: Clock,
        *,
        customers: Customers,
        describe: DescribeEvent,
        render: Render,
    ) -> None:
        self._customers = customers
        self._store = store
        self._bookings = bookings
        self._offers = offers
        self._expire_hold = expire_hold
        self._clock = clock
        self._describe = describe
        self._render = render

    async def __call__(self, wanted: WantedSeats, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the booking, or the first answer when the request is a repetition.

        Raises: SessionNotFound, SessionFull, SessionStarted, IllegalTransition when it is cancelled, TooManyBookings,
            Denied; SalonNotLive, CatalogUnavailable.
        """
        kept = await self._bookings.first_answer(request)
        if kept is not None:
            return kept
        session = await self._session(wanted)
        await self._offers.expect_live(session.salon_id)
        await expect_customer(self._customers, wanted.customer_id, session.salon_id, caller)
        try:
            return await self._join(wanted, request, caller)
        except _NotEnough:
            # Holds that are over keep seats until they are expired.
            for booking_id in await self._store.overdue_seats(wanted.session_id, self._clock.now()):
                await self._expire_hold(booking_id)
        try:
            return await self._join(wanted, request, caller)
        except _NotEnough as refused:
            session = await self._session(wanted)
            raise SessionFull(session.seats_left) from refused

    async def _join(self, wanted: WantedSeats, request: KeyedRequest, caller: Caller) -> bytes:
        session = await self._session(wanted)
        customer_id, act = act_for(wanted.customer_id, session.salon_id, caller, self._clock.now())
        new = self._new(session, wanted, customer_id, act, request)

        async def attempt() -> bytes:
            async with self._store.work() as work:
                kept = await work.bookings.kept_answer(request)
                if kept is not None:
                    return kept
                if not await work.join(new):
                    raise _NotEnough
                await work.bookings.keep_answer(request, new.answer)
                return new.answer

        return await run_with_retries(attempt)

    async def _session(self, wanted: WantedSeats) -> Session:
        session = await self._store.find(wanted.session_id)
        if session is None:
            raise SessionNotFound
        return session

    def _new(
        self, session: Session, wanted: WantedSeats, customer_id: UUID, act: Act, request: KeyedRequest
    ) -> NewBooking:
        change = join(
            session,
            act,
            booking_id=new_id(),
            item_id=new_id(),
            customer_id=customer_id,
            seats=wanted.seats,
            note=wanted.note,
        )
        return NewBooking(
            change=change,
            claims=(),
            active_limit=session.active_limit if act.party is Party.CUSTOMER else None,
            event=self._describe(None, change),
            request=request.without_key,
            answer=self._render(change.booking, None),
        )


class _NotEnough(Exception):
    """Fewer seats are left than are wanted; nothing was written."""
