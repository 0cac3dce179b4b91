"""The salon gives a session other seats, or calls it off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Denied, RetryLater
from kursi_chassis.grpc.etag import check_etag

from kursi_booking.domain.booking import Act, Booking
from kursi_booking.domain.lifecycle import cancel_without_fee
from kursi_booking.domain.policy import Party
from kursi_booking.domain.session import Session, call_off, resize
from kursi_booking.domain.session_errors import SessionNotFound
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import DescribeEvent
from kursi_booking.ports.sessions import RenderSession, SessionStore, SessionWork
from kursi_booking.usecases.access import is_member

TRIES = 10
"""How often a session is called off again because somebody joined between finding its bookings and locking it: each
time that takes a join within a few milliseconds.
"""


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """What somebody wants done with a session; an empty etag asks for no check."""

    session_id: UUID
    etag: str = ""
    reason: str = ""


def act_on(session: Session | None, caller: Caller, at: datetime, reason: str = "") -> tuple[Session, Act]:
    """What only the salon does. Raises: SessionNotFound, Denied for everybody else."""
    if session is None:
        raise SessionNotFound
    if not is_member(caller, session.salon_id):
        raise Denied
    return session, Act(caller.actor, Party.SALON, at, reason)


class ResizeSession:
    """Changes how many seats there are, never below those that are taken."""

    def __init__(self, store: SessionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, order: SessionOrder, capacity: int, caller: Caller) -> Session:
        """The session after it. Raises: SessionNotFound, Denied, StaleEtag, SeatsTaken, IllegalTransition."""

        async def attempt() -> Session:
            async with self._store.work() as work:
                session, act = act_on(await work.locked(order.session_id), caller, self._clock.now())
                change = resize(session, act, capacity)
                if change.entry is not None:
                    check_etag(order.etag, session.revision)
                    await work.save(change)
                return change.session

        return await run_with_retries(attempt)


class CancelSession:
    """Calls a session off and cancels every booking of it with all money back, in one transaction."""

    def __init__(
        self, store: SessionStore, clock: Clock, *, describe: DescribeEvent, render: RenderSession
    ) -> None:
        self._store = store
        self._clock = clock
        self._describe = describe
        self._render = render

    async def __call__(self, order: SessionOrder, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the session. Raises: SessionNotFound, Denied, StaleEtag, SessionStarted, IllegalTransition."""
        act_on(await self._store.find(order.session_id), caller, self._clock.now())
        for _ in range(TRIES):
            try:
                return await run_with_retries(lambda: self._attempt(order, request, caller))
            except _SomebodyJoined:
                continue
        raise RetryLater

    async def _attempt(self, order: SessionOrder, request: KeyedRequest, caller: Caller) -> bytes:
        async with self._store.work() as work:
            kept = await work.bookings.kept_answer(request)
            if kept is not None:
                return kept
            # Bookings, counters, session: the order of everybody who gives a seat back. A cancellation of one booking
            # that runs meanwhile would otherwise wait for us with what we wait for in its hands.
            bookings = await work.locked_bookings(order.session_id)
            await work.lock_counters(bookings)
            found = await work.locked(order.session_id)
            session, act = act_on(found, caller, self._clock.now(), order.reason)
            change = call_off(session, act)
            if change.entry is not None:
                check_etag(order.etag, session.revision)
                if await work.open_bookings(order.session_id) - {one.booking_id for one in bookings}:
                    raise _SomebodyJoined
                await self._cancel(work, bookings, act)
                await work.save(change)
            answer = self._render((await work.locked(order.session_id)) or change.session)
            await work.bookings.keep_answer(request, answer)
            return answer

    async def _cancel(self, work: SessionWork, bookings: Sequence[Booking], act: Act) -> None:
        """All at once: 500 bookings one by one would take longer than anybody waits. The events tell what goes back, so
        no change of its own follows for that.
        """
        pairs = [(booking, cancel_without_fee(booking, act)) for booking in bookings]
        events = [self._describe(booking, change) for booking, change in pairs]
        await work.save_cancelled([change for _, change in pairs], events)


class _SomebodyJoined(Exception):
    """There is a booking that is not locked; everything must be rolled back and looked at again."""
