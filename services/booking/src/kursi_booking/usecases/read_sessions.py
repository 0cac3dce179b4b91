"""Looking at group sessions: anybody at what takes place, the salon at who comes."""

from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.errors import CatalogUnavailable, SalonNotFound, SalonNotLive
from kursi_booking.domain.session import Session
from kursi_booking.domain.session_errors import SessionNotFound
from kursi_booking.ports.listing import Position
from kursi_booking.ports.offers import Offers
from kursi_booking.ports.sessions import SessionFilter, SessionStore
from kursi_booking.usecases.access import is_member
from kursi_booking.usecases.change_session import act_on


class ReadSessions:
    """What there is to see of sessions. Those of a salon that is not live, its members see."""

    def __init__(self, store: SessionStore, offers: Offers, clock: Clock) -> None:
        self._store = store
        self._offers = offers
        self._clock = clock

    async def one(self, session_id: UUID, caller: Caller) -> Session:
        """The session. Raises: SessionNotFound."""
        session = await self._store.find(session_id)
        if session is None or not await self._shows(session.salon_id, caller):
            raise SessionNotFound
        return session

    async def page(
        self, wanted: SessionFilter, after: Position | None, size: int, caller: Caller
    ) -> list[Session]:
        """One page of those that take place, the soonest first."""
        found = await self._store.page(wanted, after, size)
        return found if not found or await self._shows(wanted.salon_id, caller) else []

    async def bookings(
        self, session_id: UUID, after: UUID | None, size: int, caller: Caller
    ) -> list[Booking]:
        """One page of who has or had seats, the oldest first. Raises: SessionNotFound, Denied for non-members."""
        act_on(await self._store.find(session_id), caller, self._clock.now())
        return await self._store.bookings_of(session_id, after, size)

    async def _shows(self, salon_id: UUID, caller: Caller) -> bool:
        """Whether the salon shows itself to this caller; while nobody can say, it does: taking a seat asks again."""
        if is_member(caller, salon_id):
            return True
        try:
            await self._offers.expect_live(salon_id)
        except CatalogUnavailable:
            return True
        except (SalonNotLive, SalonNotFound):
            return False
        return True
