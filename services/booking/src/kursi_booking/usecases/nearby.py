"""Other times for whoever asked for one that is taken."""

import asyncio
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from uuid import UUID
from weakref import WeakValueDictionary

from kursi_chassis.errors import DomainError

from kursi_booking.domain.availability import find_openings
from kursi_booking.domain.errors import MAX_ALTERNATIVES, SlotTaken, TooManyBookings
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.offers import Ask, Offer, Offers

BEFORE, AFTER = timedelta(days=1), timedelta(days=3)
"""How far around a taken time others are looked for, at least: few people move a visit by more."""

GATHERS = 0.01
"""Seconds for which a look that somebody had to wait for lets others join. Without, two shared each in the rush of
`bench/b6_rush.py`, and it took half as long again; with twice as much nothing more was won.
"""

_DAY = 86_400


@dataclass(frozen=True)
class Around:
    """The days around a start, as one look saw them. (No slots, for the cache.)"""

    ask: Ask
    offer: Offer
    active: Mapping[UUID, int]
    """How many open bookings those have in the salon who waited for the look, if it limits them."""

    @cached_property
    def starts(self) -> Sequence[int]:
        """All that can be booked by whoever may have one more booking, in order."""
        first, last = int(self.ask.first.timestamp()), int(self.ask.last.timestamp())
        return sorted(
            {
                opening.start
                for question in self.offer.questions
                for opening in find_openings(question, first, last)
            }
        )

    def expect_room(self, customer_id: UUID) -> None:
        """Raises: TooManyBookings for a customer who may not have one more."""
        limit = self.offer.active_limit
        if limit is not None and self.active.get(customer_id, 0) >= limit:
            raise TooManyBookings(limit)

    def instead_of(self, start: datetime) -> SlotTaken:
        """The refusal with the offered starts that are nearest to the taken one, in order."""
        others = nearest(self.starts, int(start.timestamp()))
        return SlotTaken([datetime.fromtimestamp(other, UTC) for other in others])


def nearest(starts: Sequence[int], wanted: int) -> list[int]:
    """Of starts in order, those nearest to the wanted one, which is not among them; the earlier where two are as near."""
    before, after = bisect_left(starts, wanted), bisect_right(starts, wanted)
    around = [*starts[max(0, before - MAX_ALTERNATIVES) : before], *starts[after : after + MAX_ALTERNATIVES]]
    return sorted(sorted(around, key=lambda start: (abs(start - wanted), start))[:MAX_ALTERNATIVES])


@dataclass(slots=True, weakref_slot=True)
class _Look:
    """What those who ask the same at once have in common: `began` is the number of the look that found `around`, or that
    failed.
    """

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: Counter[UUID | None] = field(default_factory=Counter)
    began: int = 0
    around: Around | None = None


class NearbyTimes:
    """Looks at the days around a start.

    A rush for one time leaves many who ask the same at the same moment, so they share a look: whoever waited for it
    takes what it found if it began after they asked, which is as good as a look of their own. Nothing is kept when the
    last of them is gone. Whoever looks does so within their own time; if that ends, the next one looks. When a look fails,
    those who waited for it look alone: failing may take seconds, which they would spend one after the other.
    """

    def __init__(self, offers: Offers, bookings: BookingStore) -> None:
        self._offers = offers
        self._bookings = bookings
        self._looks: WeakValueDictionary[Ask, _Look] = WeakValueDictionary()
        self._numbers = count(1)

    async def around(self, ask: Ask, now: datetime) -> Around:
        """What is free around the first start of the ask. Raises: as `Offers.to_book`."""
        shared, asked = _shared(ask, now), next(self._numbers)
        look = self._looks.setdefault(shared, _Look())
        look.waiting[ask.customer_id] += 1
        is_rush = look.turn.locked()
        try:
            async with look.turn:
                if look.began < asked:
                    if is_rush:
                        await asyncio.sleep(GATHERS)
                    await self._look_for_all(shared, look)
                around = look.around
            return around or await self._look(shared, _known(ask.customer_id))
        finally:
            look.waiting[ask.customer_id] -= 1
            if not look.waiting[ask.customer_id]:
                del look.waiting[ask.customer_id]

    async def _look_for_all(self, ask: Ask, look: _Look) -> None:
        began = next(self._numbers)
        try:
            look.around = await self._look(ask, _known(*look.waiting))
        except DomainError:
            look.around = None
            look.began = began
            raise
        look.began = began

    async def _look(self, ask: Ask, customers: Sequence[UUID]) -> Around:
        offer = await self._offers.to_book(ask)
        is_limited = offer.active_limit is not None and customers
        active = await self._bookings.active(ask.salon_id, customers) if is_limited else {}
        return Around(ask, offer, active)


def _known(*customers: UUID | None) -> Sequence[UUID]:
    return [customer for customer in customers if customer is not None]


def _shared(ask: Ask, now: datetime) -> Ask:
    """The same ask for the whole days around its start, none of them over unless the start itself is, where all rules
    about starts count again, by anybody.
    """
    first = min(ask.first, max(now, ask.first - BEFORE)).timestamp() // _DAY
    last = (ask.first + AFTER).timestamp() // _DAY + 1
    return replace(
        ask,
        first=datetime.fromtimestamp(first * _DAY, UTC),
        last=datetime.fromtimestamp(last * _DAY, UTC),
        customer_id=None,
        added=None,
    )
