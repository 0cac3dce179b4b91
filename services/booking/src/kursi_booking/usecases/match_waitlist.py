"""Time that became free is kept for whoever waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import DomainError, Unavailable
from kursi_chassis.ids import new_id

from kursi_booking.domain import waitlist as verbs
from kursi_booking.domain.availability import find_openings
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import CatalogUnavailable
from kursi_booking.domain.policy import Party
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import FARTHEST, Entry, HeldTime
from kursi_booking.ports.bookings import BookingStore, TimeTaken
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Ask, Offer, Offers, WantedService
from kursi_booking.ports.waitlist import DescribeEntry, Waitlist
from kursi_booking.usecases.expire_hold import SYSTEM
from kursi_booking.usecases.placing import (
    MOST_ASKED,
    Placement,
    candidates,
    check_for,
    fairly,
    place,
)

MOST_ENTRIES = 500
"""Entries of one salon that one pass looks at; each costs a look at what is taken."""
LONGEST_VISIT = timedelta(days=1)
"""How long before the freed time a visit may start that needs it, and end after it began."""
AFTERMATH = timedelta(days=1)
"""How long after the freed time starts may become possible with it: what was kept for its clean-up is free as well, the day
has room again, and where starts leave no gaps those of the whole stretch of work are laid out anew.
"""


@dataclass(frozen=True, slots=True)
class MatchParts:
    """What matching is put together from."""

    waitlist: Waitlist
    store: BookingStore
    offers: Offers
    expire_hold: HoldExpiry
    describe: DescribeEntry


Found = tuple[Offer, Placement]
"""A visit that fits, in the offer that it is part of."""


class _Faster(Exception):
    """Somebody else took the time while the entry was looked at."""


class MatchWaitlist:
    """Goes through those who wait in a salon, in the order in which they are asked, and keeps the first time that fits
    for each. It may be told of the same freed time twice, late, or never and be run at its own pace: who is offered
    something no longer waits, and what is kept is no longer free. Whoever is offered a time is the first who would have
    taken it when it was found.
    """

    def __init__(self, parts: MatchParts, clock: Clock) -> None:
        self._waitlist = parts.waitlist
        self._store = parts.store
        self._offers = parts.offers
        self._expire_hold = parts.expire_hold
        self._describe = parts.describe
        self._clock = clock

    async def __call__(self, salon_id: UUID, freed: Sequence[TimeRange] | None = None) -> int:
        """Offer what fits to those whose wishes reach into `freed`, to all without it; how many offers were made.

        Raises: CatalogUnavailable when nobody can say who works when.
        """
        now = self._clock.now()
        reach = _reach(freed, now)
        if not reach:
            return 0
        waiting = await self._waitlist.in_turn(salon_id, reach, MOST_ENTRIES)
        offered = turn = lost = 0
        while turn < len(waiting):
            found = await self._find(waiting[turn], reach)
            if found is None:
                turn += 1
                continue
            # What is found here may have become free after those before were looked at: it is theirs first.
            first, found = await self._first_of(waiting[:turn], reach) or (turn, found)
            try:
                offered += await self._keep(waiting[first], *found)
            except _Faster:
                lost += 1
                if lost < MOST_ASKED:
                    continue
            del waiting[first]
            turn, lost = turn - (first < turn), 0
        return offered

    async def _first_of(
        self, entries: Sequence[Entry], reach: Sequence[TimeRange]
    ) -> tuple[int, Found] | None:
        """The place of the first of these for whom there is a time now, and that time."""
        for place_in_turn, entry in enumerate(entries):
            found = await self._find(entry, reach)
            if found is not None:
                return await self._first_of(entries[:place_in_turn], reach) or (place_in_turn, found)
        return None

    async def _find(self, entry: Entry, reach: Sequence[TimeRange]) -> Found | None:
        """The first visit in reach that the entry wishes for. Raises: CatalogUnavailable."""
        try:
            return await self._look(entry, reach)
        except Unavailable:
            raise
        except DomainError:
            # The salon closed, or no longer sells this, or they no longer perform it: that may change again, and the
            # entry ends with its ranges.
            return None

    async def _look(self, entry: Entry, reach: Sequence[TimeRange]) -> Found | None:
        now = self._clock.now()
        ask = _ask(entry, now)
        offer = await self._offers.to_show(ask)
        if offer.stale:
            raise CatalogUnavailable
        start = _first_start(offer, entry, reach, now)
        if start is None:
            return None
        people = candidates(offer)
        if people:
            offer = fairly(offer, await self._store.loads(people, offer.compared))
        return offer, place(offer, replace(ask, first=start), check_for(Party.CUSTOMER))

    async def _keep(self, entry: Entry, offer: Offer, placement: Placement) -> bool:
        """Whether the entry still waited. Raises: _Faster when somebody has the time, or had it until now."""
        try:
            return await run_with_retries(lambda: self._write(entry, offer, placement))
        except TimeTaken as error:
            for overdue in await self._store.overdue_holds(placement.claims, self._clock.now()):
                await self._expire_hold(overdue)
            raise _Faster from error

    async def _write(self, entry: Entry, offer: Offer, placement: Placement) -> bool:
        """Raises: TimeTaken."""
        async with self._waitlist.work() as work:
            await work.expect_room(placement.room)
            latest = await work.locked(entry.entry_id)
            if latest is None or latest.revision != entry.revision:
                return False
            act = Act(SYSTEM, Party.SYSTEM, self._clock.now())
            change = verbs.offer(latest, act, _held(offer, placement, act.at))
            await work.save_offered(change, self._describe(change), placement.claims)
            return True


def _reach(freed: Sequence[TimeRange] | None, now: datetime) -> list[TimeRange]:
    """The starts that may have become possible and are not over."""
    if freed is None:
        return [TimeRange(now, now + FARTHEST)]
    return [
        TimeRange(max(during.start - LONGEST_VISIT, now), during.end + AFTERMATH)
        for during in freed
        if during.end > now
    ]


def _ask(entry: Entry, now: datetime) -> Ask:
    """What the entry wishes for, as its maker would have asked for free times."""
    last = entry.ranges[-1].end
    return Ask(
        salon_id=entry.salon_id,
        wanted=tuple(WantedService(*wish) for wish in entry.wishes),
        first=min(max(entry.ranges[0].start, now), last),
        last=last,
        customer_id=entry.customer_id,
        party=Party.CUSTOMER if entry.channel is Channel.CUSTOMER else Party.SALON,
    )


def _first_start(offer: Offer, entry: Entry, reach: Sequence[TimeRange], now: datetime) -> datetime | None:
    """The earliest start in reach and inside the wishes that was not offered before."""
    visits = [
        TimeRange.of_epoch(opening.start, opening.end)
        for wished in entry.ranges
        for question in offer.questions
        for opening in find_openings(question, *wished.epoch)
    ]
    fitting = [
        visit.start
        for visit in visits
        if visit.start > now
        and any(during.contains(visit.start) for during in reach)
        and entry.would_take(visit)
    ]
    return min(fitting, default=None)


def _held(offer: Offer, placement: Placement, now: datetime) -> HeldTime:
    start = placement.items[0].during.start
    return HeldTime(
        offer_id=new_id(),
        items=placement.items,
        policy=offer.policy,
        active_limit=offer.active_limit,
        offered_at=now,
        expires_at=min(now + offer.waitlist_offer, start),
    )
