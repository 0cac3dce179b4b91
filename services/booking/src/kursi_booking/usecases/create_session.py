"""The salon plans a group session."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.ids import new_id

from kursi_booking.domain.availability import check_placement
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import SlotTaken
from kursi_booking.domain.policy import Party
from kursi_booking.domain.session import Session, SessionChange, SessionState, plan
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, TimeTaken
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Ask, Offer, Offers, WantedService
from kursi_booking.ports.sessions import RenderSession, SessionStore
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_booking.usecases.nearby import NearbyTimes
from kursi_booking.usecases.placing import MOST_ASKED, Placement, candidates, fairly, place


@dataclass(frozen=True, slots=True)
class WantedSession:
    """The session that is planned; without a staff member anybody will do."""

    salon_id: UUID
    service_id: UUID
    staff_id: UUID | None
    start: datetime
    capacity: int

    @property
    def ask(self) -> Ask:
        """The salon's own people choose the time; only people and things have to be free."""
        return Ask(
            salon_id=self.salon_id,
            wanted=(WantedService(self.service_id, self.staff_id),),
            first=self.start,
            last=self.start + timedelta(seconds=1),
            party=Party.SALON,
        )


class CreateSession:
    """Takes people and things for a session, through the same claims as a booking."""

    def __init__(
        self,
        store: SessionStore,
        bookings: BookingStore,
        offers: Offers,
        expire_hold: HoldExpiry,
        clock: Clock,
        *,
        render: RenderSession,
    ) -> None:
        self._store = store
        self._bookings = bookings
        self._offers = offers
        self._nearby = NearbyTimes(offers, bookings)
        self._expire_hold = expire_hold
        self._clock = clock
        self._render = render

    async def __call__(self, wanted: WantedSession, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the new session, or the first answer when the request is a repetition.

        Raises: SlotTaken with other times, NotBookable, Invalid for a start that has passed; what `Offers.to_book` raises.
        """
        act = Act(caller.actor, Party.SALON, self._clock.now())
        return await or_first_answer(self._create(wanted, request, act), self._bookings, request)

    async def _create(self, wanted: WantedSession, request: KeyedRequest, act: Act) -> bytes:
        if wanted.start <= act.at:
            raise Invalid(Violation("start_time", "IN_THE_PAST"))
        try:
            return await self._take(wanted, request, act)
        except (TimeTaken, SlotTaken) as refused:
            around = await self._nearby.around(wanted.ask, act.at)
            raise around.instead_of(wanted.start) from refused

    async def _take(self, wanted: WantedSession, request: KeyedRequest, act: Act) -> bytes:
        """Each try reads the claims again, so it sees who was faster. Raises: TimeTaken, SlotTaken, NotBookable."""
        for _ in range(MOST_ASKED):
            offer = await self._offers.to_book(wanted.ask)
            people = candidates(offer)
            if people:
                offer = fairly(offer, await self._bookings.loads(people, offer.compared))
            placement = place(offer, wanted.ask, check_placement)
            change = plan(_session(wanted, offer, placement, act), act)
            try:
                return await self._write(change, placement, request)
            except TimeTaken:
                for booking_id in await self._bookings.overdue_holds(placement.claims, act.at):
                    await self._expire_hold(booking_id)
        raise TimeTaken

    async def _write(self, change: SessionChange, placement: Placement, request: KeyedRequest) -> bytes:
        async def attempt() -> bytes:
            async with self._store.work() as work:
                kept = await work.bookings.kept_answer(request)
                if kept is not None:
                    return kept
                await work.add(change, placement.claims)
                answer = self._render(change.session)
                await work.bookings.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)


def _session(wanted: WantedSession, offer: Offer, placement: Placement, act: Act) -> Session:
    (item,) = placement.items
    return Session(
        session_id=new_id(),
        salon_id=wanted.salon_id,
        salon=offer.salon,
        service_id=item.service_id,
        service_names=item.service_names,
        staff_id=item.staff_id,
        staff_names=item.staff_names,
        staff_user_id=item.staff_user_id,
        during=item.during,
        price=item.price,
        policy=offer.policy,
        active_limit=offer.active_limit,
        capacity=wanted.capacity,
        taken=0,
        state=SessionState.SCHEDULED,
        cancellation_reason="",
        revision=0,
        created_at=act.at,
        updated_at=act.at,
    )
