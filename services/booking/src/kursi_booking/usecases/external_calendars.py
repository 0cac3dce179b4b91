"""Calendars elsewhere that keep staff busy: connected, listed, read again when asked, disconnected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.errors import Denied
from kursi_chassis.ids import new_id

from kursi_booking.domain.calendar_errors import (
    ExternalCalendarNotFound,
    RefreshedTooOften,
    TooManyCalendars,
)
from kursi_booking.domain.calendar_feed import StaffPlace
from kursi_booking.domain.external_calendar import (
    ASK_AGAIN_AFTER,
    MOST_CALENDARS,
    CalendarConflict,
    ExternalCalendar,
)
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.external_calendars import ExternalCalendars, Fetch, SealedAddress
from kursi_booking.ports.sealing import AddressSealer
from kursi_booking.ports.supply import Catalog
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_booking.usecases.staff_access import linked_account

Render = Callable[[ExternalCalendar], bytes]


@dataclass(frozen=True, slots=True)
class WantedConnection:
    """A calendar that somebody wants to connect."""

    staff: StaffPlace
    url: str
    name: str


class ConnectExternalCalendar:
    """Connects a calendar. Its address is judged at once, and read soon after by whoever plays the role for it."""

    def __init__(
        self,
        calendars: ExternalCalendars,
        catalog: Catalog,
        clock: Clock,
        *,
        fetch: Fetch,
        sealer: AddressSealer,
        render: Render,
    ) -> None:
        self._calendars = calendars
        self._catalog = catalog
        self._clock = clock
        self._fetch = fetch
        self._sealer = sealer
        self._render = render

    async def __call__(self, wanted: WantedConnection, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer, or the first one when the request is a repetition.

        Raises: Denied, SalonNotFound, StaffNotFound, AddressNotAllowed, TooManyCalendars, CalendarAlreadyConnected,
        CatalogUnavailable.
        """
        return await or_first_answer(self._connected(wanted, request, caller), self._calendars, request)

    async def _connected(self, wanted: WantedConnection, request: KeyedRequest, caller: Caller) -> bytes:
        now = self._clock.now()
        if caller.user_id is None:
            raise Denied
        _, time_zone = await linked_account(self._catalog, wanted.staff, caller, now)
        address = await self._fetch.expect_public(wanted.url)
        url = address.url.encode()
        calendar = ExternalCalendar(new_id(), wanted.staff, wanted.name or address.host, address.host, now)
        async with self._calendars.work() as work:
            kept = await work.kept_answer(request)
            if kept is not None:
                return kept
            if await work.count_of(wanted.staff.staff_id) >= MOST_CALENDARS:
                raise TooManyCalendars(MOST_CALENDARS)
            sealed = SealedAddress(self._sealer.seal(url), self._sealer.digest(url))
            await work.add(calendar, sealed, time_zone, caller)
            answer = self._render(calendar)
            await work.keep_answer(request, answer)
        return answer


class ManageExternalCalendars:
    """Lists calendars and their conflicts, has them read again, and disconnects them."""

    def __init__(self, calendars: ExternalCalendars, catalog: Catalog, clock: Clock, render: Render) -> None:
        self._calendars = calendars
        self._catalog = catalog
        self._clock = clock
        self._render = render

    async def listed(self, place: StaffPlace, caller: Caller) -> Sequence[ExternalCalendar]:
        """Newest first. Raises: Denied, SalonNotFound, StaffNotFound, CatalogUnavailable."""
        await linked_account(self._catalog, place, caller, self._clock.now())
        return await self._calendars.of_staff(place)

    async def refresh(
        self, place: StaffPlace, calendar_id: UUID, request: KeyedRequest, caller: Caller
    ) -> bytes:
        """Have it read within seconds; a repetition gets the first answer.

        Raises: as `listed`, ExternalCalendarNotFound, RefreshedTooOften.
        """
        asked = self._asked(place, calendar_id, request, caller)
        return await or_first_answer(asked, self._calendars, request)

    async def _asked(
        self, place: StaffPlace, calendar_id: UUID, request: KeyedRequest, caller: Caller
    ) -> bytes:
        now = self._clock.now()
        await linked_account(self._catalog, place, caller, now)
        async with self._calendars.work() as work:
            kept = await work.kept_answer(request)
            if kept is not None:
                return kept
            found = await work.locked(place, calendar_id)
            if found is None or not found.is_connected:
                raise ExternalCalendarNotFound
            if found.asked_at is not None and now - found.asked_at < ASK_AGAIN_AFTER:
                raise RefreshedTooOften(ASK_AGAIN_AFTER - (now - found.asked_at))
            await work.ask(calendar_id, now)
            answer = self._render(found.calendar)
            await work.keep_answer(request, answer)
        return answer

    async def disconnect(self, place: StaffPlace, calendar_id: UUID, caller: Caller) -> None:
        """Forget it. Raises: as `listed`, ExternalCalendarNotFound."""
        now = self._clock.now()
        await linked_account(self._catalog, place, caller, now)
        async with self._calendars.work() as work:
            found = await work.locked(place, calendar_id)
            if found is None:
                raise ExternalCalendarNotFound
            if found.is_connected:
                await work.disconnect(found.calendar, now, caller)

    async def conflicts(self, salon_id: UUID, staff_id: UUID | None) -> Sequence[CalendarConflict]:
        """What clashes, soonest first."""
        return await self._calendars.conflicts(salon_id, staff_id)
