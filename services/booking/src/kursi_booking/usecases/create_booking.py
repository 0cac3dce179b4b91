"""Somebody takes a time."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Denied
from kursi_chassis.ids import new_id

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.errors import SlotTaken
from kursi_booking.domain.guest import WalkIn
from kursi_booking.domain.policy import Party
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import (
    BookingStore,
    DayFull,
    DescribeEvent,
    NewBooking,
    Render,
    TimeTaken,
    Turn,
    Undecided,
)
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Ask, Offer, Offers, WantedService
from kursi_booking.usecases.access import act_for, expect_customer, is_member
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_booking.usecases.nearby import NearbyTimes
from kursi_booking.usecases.placing import (
    MOST_ASKED,
    Placement,
    candidates,
    check_for,
    fairly,
    find_place,
    place,
)

TRIES = 5
"""How often the only possible visit is tried when what is in its way is over."""
REMEMBERED = 10_000
"""How many visits are remembered as taken: a busy minute's, in a few megabytes."""


@dataclass(frozen=True, slots=True)
class WantedVisit:
    """The visit that somebody wants to book; without a customer or a guest it is the caller's own."""

    salon_id: UUID
    start: datetime
    services: tuple[WantedService, ...]
    note: str
    customer_id: UUID | None
    guest: WalkIn | None = None


@dataclass(frozen=True, slots=True)
class _Errand:
    """One request, understood: who does what for whom."""

    wanted: WantedVisit
    customer_id: UUID
    act: Act
    request: KeyedRequest

    @property
    def ask(self) -> Ask:
        return Ask(
            salon_id=self.wanted.salon_id,
            wanted=self.wanted.services,
            first=self.wanted.start,
            last=self.wanted.start + timedelta(seconds=1),
            customer_id=self.customer_id,
            party=self.act.party,
        )


class _Rush:
    """What this process knows of visits that many want at once, so that those who cannot get one ask the database less.

    Hints: what was seen to be taken may have been given back since, and only the database knows who takes it elsewhere.
    """

    def __init__(self) -> None:
        self._taken: dict[tuple[object, ...], None] = {}
        self._under_way: dict[tuple[object, ...], asyncio.Event] = {}

    async def is_over(self, ask: Ask) -> bool:
        """Whether the visit was seen to be taken. Whoever comes while somebody is taking it learns that from them; in
        the database they would wait as long, for the same row.
        """
        under_way = self._under_way.get(_visit(ask))
        if under_way is not None:
            await under_way.wait()
        return _visit(ask) in self._taken

    @contextmanager
    def taking(self, ask: Ask) -> Iterator[None]:
        """While somebody tries to take the visit, others wait; however it ends, they wait no longer, not even for the
        next one who tries.
        """
        visit, ended = _visit(ask), asyncio.Event()
        self._under_way[visit] = ended
        try:
            yield
        finally:
            ended.set()
            if self._under_way.get(visit) is ended:
                del self._under_way[visit]

    def see_taken(self, ask: Ask) -> None:
        self._taken[_visit(ask)] = None
        if len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]


def _visit(ask: Ask) -> tuple[object, ...]:
    """What is the same for everybody who wants it."""
    return ask.salon_id, ask.first, ask.wanted


class _Lost(Exception):
    """Somebody else has one of these claims."""

    def __init__(self, claims: tuple[Claim, ...]) -> None:
        super().__init__()
        self.claims = claims


class CreateBooking:
    """Takes a time for a visit, all of it or nothing."""

    def __init__(
        self,
        store: BookingStore,
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
        self._offers = offers
        self._nearby = NearbyTimes(offers, store)
        self._expire_hold = expire_hold
        self._clock = clock
        self._describe = describe
        self._render = render
        self._rush = _Rush()

    async def __call__(self, wanted: WantedVisit, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the new booking, or the first answer when the request is a repetition.

        Raises: SlotTaken with other times, NotBookable, TooManyBookings, Denied; what `Offers.to_book` and, for a
            guest, `Offers.territory` and `Customers.ensure` raise.
        """
        return await or_first_answer(self._create_named(wanted, request, caller), self._store, request)

    async def _create_named(self, wanted: WantedVisit, request: KeyedRequest, caller: Caller) -> bytes:
        named = await self._named(wanted, caller)
        return await run_with_retries(lambda: self._create(named, request, caller))

    async def _named(self, wanted: WantedVisit, caller: Caller) -> WantedVisit:
        """The visit with its customer's id, where a guest was named.

        Raises: Denied for who is not of the salon, Invalid for a customer whom nobody knows.
        """
        if wanted.guest is None:
            await expect_customer(self._customers, wanted.customer_id, wanted.salon_id, caller)
            return wanted
        if not is_member(caller, wanted.salon_id):
            raise Denied
        territory_code = await self._offers.territory(wanted.salon_id)
        customer_id = await self._customers.ensure(wanted.salon_id, wanted.guest, territory_code)
        return replace(wanted, customer_id=customer_id)

    async def _create(self, wanted: WantedVisit, request: KeyedRequest, caller: Caller) -> bytes:
        errand = self._errand(wanted, request, caller)
        offer = await self._offers.to_take(errand.ask)
        if offer is not None:
            return await self._claim(errand, offer)
        try:
            return await self._choose(errand)
        except (TimeTaken, SlotTaken) as refused:
            around = await self._nearby.around(errand.ask, errand.act.at)
            raise around.instead_of(wanted.start) from refused

    def _errand(self, wanted: WantedVisit, request: KeyedRequest, caller: Caller) -> _Errand:
        """Whose visit it is. Raises: Denied for somebody else's without a role in the salon."""
        customer_id, act = act_for(wanted.customer_id, wanted.salon_id, caller, self._clock.now())
        return _Errand(wanted, customer_id, act, request)

    async def _claim(self, errand: _Errand, offer: Offer) -> bytes:
        """Take the only visit that is possible. What is taken is read by those alone who do not get it, or will hardly
        get it: one look tells whether the time is taken, and which others are free.

        Raises: SlotTaken with other times, NotBookable, TooManyBookings.
        """
        ask, check = errand.ask, check_for(errand.act.party)
        placement = None if await self._rush.is_over(ask) else find_place(offer, ask, check)
        if placement is not None:
            with suppress(_Lost), self._rush.taking(ask):
                return await self._write(errand, offer, placement, self._store)
        for _ in range(TRIES):
            around = await self._nearby.around(ask, errand.act.at)
            if errand.act.party is Party.CUSTOMER:
                around.expect_room(errand.customer_id)
            try:
                placement = place(around.offer, ask, check)
            except SlotTaken as refused:
                raise around.instead_of(ask.first) from refused
            try:
                return await self._write(errand, around.offer, placement, self._store)
            except DayFull:
                # The salon has set a limit since the first look; the next one sees it.
                continue
            except _Lost as lost:
                await self._expire(lost.claims, errand.act.at)
        raise around.instead_of(ask.first)

    async def _choose(self, errand: _Errand) -> bytes:
        """Try until nobody is left. Each try reads the claims again, so it sees who was faster and asks the next.

        Raises: TimeTaken, SlotTaken; NotBookable, TooManyBookings.
        """
        ask, act = errand.ask, errand.act
        for _ in range(MOST_ASKED):
            offer = await self._offers.to_book(ask)
            # Who finds no place at all leaves here, without waiting for a turn.
            placement = place(offer, ask, check_for(act.party))
            try:
                if candidates(offer):
                    return await self._take_in_turn(errand, offer)
                return await self._write(errand, offer, placement, self._store)
            except DayFull:
                continue
            except _Lost as lost:
                if not await self._expire(lost.claims, act.at) and not candidates(offer):
                    raise TimeTaken from lost
        raise TimeTaken

    async def _expire(self, claims: Sequence[Claim], now: datetime) -> bool:
        """Let go of holds in the way whose time is over. Whether there were any."""
        overdue = await self._store.overdue_holds(claims, now)
        for booking_id in overdue:
            await self._expire_hold(booking_id)
        return bool(overdue)

    async def _take_in_turn(self, errand: _Errand, offer: Offer) -> bytes:
        """Where somebody has to be chosen: what decides that is read when nobody else chooses.

        Raises: _Lost, DayFull; NotBookable, TooManyBookings.
        """
        ask = errand.ask
        async with self._store.queue(ask.salon_id) as queued:
            if queued.has_waited:
                # Whoever was before has taken somebody.
                offer = await self._offers.to_book(ask)
            open_question = Undecided(ask.salon_id, candidates(offer), offer.compared)
            async with self._store.turn(open_question, queued) as turn:
                offer = fairly(offer, turn.loads)
                placement = place(offer, ask, check_for(errand.act.party))
                return await self._write(errand, offer, placement, turn)

    async def _write(
        self, errand: _Errand, offer: Offer, placement: Placement, store: BookingStore | Turn
    ) -> bytes:
        try:
            answer = await store.create(self._new(errand, offer, placement))
        except DayFull:
            raise
        except TimeTaken as error:
            self._rush.see_taken(errand.ask)
            raise _Lost(placement.claims) from error
        self._rush.see_taken(errand.ask)
        return answer

    def _new(self, errand: _Errand, offer: Offer, placement: Placement) -> NewBooking:
        act = errand.act
        change = verbs.create(
            act,
            booking_id=new_id(),
            salon_id=errand.wanted.salon_id,
            salon=offer.salon,
            customer_id=errand.customer_id,
            items=placement.items,
            policy=offer.policy,
            note=errand.wanted.note,
            guest_name=errand.wanted.guest.display_name if errand.wanted.guest else None,
        )
        return NewBooking(
            change=change,
            claims=placement.claims,
            active_limit=offer.active_limit if act.party is Party.CUSTOMER else None,
            event=self._describe(None, change),
            request=errand.request,
            answer=self._render(change.booking, None),
            room=placement.room,
        )
