"""What can be booked: one and the same answer for lists of free times and for those who take one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import ceil
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.intervals import Interval, IntervalSet, merged

from kursi_booking.domain.availability import Question, Supply
from kursi_booking.domain.booking import SalonFacts
from kursi_booking.domain.errors import CatalogUnavailable, SalonNotFound, SalonNotLive, StaffDoesNotPerform
from kursi_booking.domain.policy import Party, strictest_terms
from kursi_booking.domain.salon import SalonContext, SalonService, working_in_both
from kursi_booking.domain.start_rule import (
    Counters,
    Limits,
    SlotRules,
    StartMode,
    StartPolicy,
    StartRules,
    lowest,
    midnight,
    strictest,
)
from kursi_booking.domain.visit import Visit
from kursi_booking.ports.explaining import SalonOffer
from kursi_booking.ports.offers import Ask, Offer
from kursi_booking.ports.supply import (
    Catalog,
    CountedDays,
    DayCounts,
    Occupancy,
    StaffDays,
    Taken,
    Wanted,
)
from kursi_booking.usecases.visit_choice import ChosenService, choose, offered, units_of, visits_of

OFFER_LASTS = 300
"""Seconds for which a shown start stays bookable although the time for notice runs out meanwhile."""

_LEAD, _TAIL = 16 * 3_600, 16 * 3_600
"""How far around the asked starts working time is asked for before the visit's length is known; where starts leave no
gaps, it has to tell when the shift began."""


@dataclass(frozen=True, slots=True)
class _Request:
    """An ask with what the salon makes of it."""

    ask: Ask
    chosen: tuple[ChosenService, ...]
    visits: tuple[Visit, ...]
    services: Sequence[SalonService]
    slots: SlotRules
    limits: Limits

    @classmethod
    def of(cls, ask: Ask, context: SalonContext, chosen: tuple[ChosenService, ...]) -> "_Request":
        services = [one.service for one in chosen]
        judged = services if ask.added is None else [one for one in services if one.service_id in ask.added]
        return cls(
            ask=ask,
            chosen=chosen,
            visits=visits_of(context, chosen),
            services=services,
            slots=strictest([service.slots for service in judged]),
            limits=_limits(services, judged, ask.party),
        )

    @property
    def leaves_no_choice(self) -> bool:
        """Whether only one visit is possible at a start, and nothing that is taken elsewhere matters to it."""
        return (
            len(self.visits) == 1
            and all(len(seat.eligible) == 1 for seat in self.visits[0].seats)
            and self.slots.mode is StartMode.GRID
            and not self.limits.of_days
        )

    @property
    def span(self) -> Interval:
        """From the first second to the last in which a visit of these can keep anybody busy."""
        first, last = starts_of(self.ask)
        longest = max(visit.duration for visit in self.visits)
        return (
            first - max(service.pad_before for service in self.services),
            last + longest + max(service.pad_after for service in self.services),
        )


class OfferLoader:
    """Puts a salon's offer together from the catalog, the claims and the counters.

    `oldest` is the age up to which the catalog's word is good enough to promise a time by.
    """

    def __init__(
        self,
        catalog: Catalog,
        occupancy: Occupancy,
        clock: Clock,
        oldest: timedelta,
        *,
        staff_days: StaffDays,
    ) -> None:
        self._staff_days = staff_days
        self._catalog = catalog
        self._occupancy = occupancy
        self._clock = clock
        self._oldest = oldest

    async def to_show(self, ask: Ask) -> Offer:
        """The offer from whatever is known of the salon, however old. A salon that is not live offers nothing, and
        only its own people hear that it exists.

        Raises: SalonNotFound, ServiceNotFound, StaffNotFound, StaffDoesNotPerform, AddOnNotFound, CatalogUnavailable.
        """
        shown = await self.to_explain(ask)
        return shown.offer if shown.salon.is_live else replace(shown.offer, questions=())

    async def to_explain(self, ask: Ask) -> SalonOffer:
        """What `to_show` decides from. Raises: the same."""
        context = await self._context(ask)
        if not context.is_live and ask.party is Party.CUSTOMER:
            raise SalonNotFound
        return SalonOffer(await self._offer(ask, context, patience=0), context)

    async def to_book(self, ask: Ask) -> Offer:
        """The offer from data that is fresh enough to promise a time by.

        Raises: as `to_show`, and SalonNotLive.
        """
        return await self._offer(ask, await self._fresh(ask), patience=OFFER_LASTS)

    async def to_take(self, ask: Ask) -> Offer | None:
        """The same as if nothing were taken, where taking alone tells whether it is: nobody and nothing is chosen, all
        starts are on the grid and no day can be full. None elsewhere.

        Raises: as `to_book`.
        """
        context = await self._fresh(ask)
        request = await self._request(ask, context)
        if not request.leaves_no_choice:
            return None
        supply = Supply(await self._working(request, context))
        return _offer(
            context, request, supply, _rules(context, request, self._now(), OFFER_LASTS, Counters())
        )

    async def expect_live(self, salon_id: UUID) -> None:
        """Make sure that the salon takes bookings, by what is known of it, however old; its services do not matter.

        Raises: SalonNotLive, SalonNotFound, CatalogUnavailable.
        """
        if not (await self._salon(salon_id)).is_live:
            raise SalonNotLive

    async def territory(self, salon_id: UUID) -> str:
        """The country of the salon (ISO 3166-1), by what is known of it, however old.

        Raises: SalonNotFound, CatalogUnavailable.
        """
        return (await self._salon(salon_id)).territory_code

    async def _salon(self, salon_id: UUID) -> SalonContext:
        now = self._now()
        return await self._catalog.context(salon_id, frozenset(), now, now + 1)

    async def _context(self, ask: Ask) -> SalonContext:
        first, last = starts_of(ask)
        return await self._catalog.context(ask.salon_id, _service_ids(ask), first - _LEAD, last + _TAIL)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    async def _fresh(self, ask: Ask) -> SalonContext:
        """The salon, live and as it was a short while ago. Raises: CatalogUnavailable, SalonNotLive."""
        context = await self._context(ask)
        if self._clock.now() - context.as_of > self._oldest:
            raise CatalogUnavailable
        if not context.is_live:
            raise SalonNotLive
        return context

    async def _offer(self, ask: Ask, context: SalonContext, *, patience: int) -> Offer:
        request = await self._request(ask, context)
        working = await self._working(request, context)
        is_grid = request.slots.mode is StartMode.GRID
        during = request.span if is_grid else _whole_stretches(request.span, working)
        now = self._clock.now()
        taken = await self._taken(request, context, during, now)
        counts = await self._counts(ask, context, request) if request.limits.of_days else DayCounts()
        counters = Counters(taken.active, counts.by_day, counts.by_staff_day)
        rules = _rules(context, request, int(now.timestamp()), patience, counters)
        return _offer(context, request, Supply(working, taken.busy), rules)

    async def _taken(
        self, request: _Request, context: SalonContext, during: Interval, now: datetime
    ) -> Taken:
        return await self._occupancy(
            Wanted(
                unit_ids=units_of(context, request.chosen),
                during=during,
                now=now,
                salon_id=request.ask.salon_id,
                customer_id=request.ask.customer_id,
                own_booking=request.ask.own_booking,
            )
        )

    async def _counts(self, ask: Ask, context: SalonContext, request: _Request) -> DayCounts:
        first, last = (datetime.fromtimestamp(moment, context.zone).date() for moment in starts_of(ask))
        people = {person for one in request.chosen for person in (*one.staff_ids, *one.assistant_ids)}
        return await self._staff_days(
            CountedDays(ask.salon_id, sorted(people), (first, last), context.zone, ask.own_booking)
        )

    async def _request(self, ask: Ask, context: SalonContext) -> _Request:
        chosen = choose(context, ask.wanted, ask.add_on_ids, ask.party)
        for wanted, one in zip(ask.wanted, chosen, strict=True):
            if wanted.staff_id is not None and not one.staff_ids:
                await self._catalog.expect_staff(ask.salon_id, wanted.staff_id, *context.window)
                raise StaffDoesNotPerform
        return _Request.of(ask, context, chosen)

    async def _working(self, request: _Request, context: SalonContext) -> Mapping[UUID, IntervalSet]:
        """Working time over the whole span; a very long visit reaches beyond what was asked for first."""
        start, end = request.span
        if context.covers(start, end):
            return context.working
        rest = await self._catalog.context(
            context.salon_id, _service_ids(request.ask), context.window[1] - _LEAD, end
        )
        return working_in_both(context, rest)


def _rules(
    context: SalonContext, request: _Request, now: int, patience: int, counters: Counters
) -> StartRules:
    slots = request.slots
    return StartRules(
        policy=StartPolicy(
            context.zone,
            replace(slots, min_notice=slots.min_notice - patience),
            mode=slots.mode,
            shortest=context.shortest,
        ),
        now=now,
        limits=request.limits,
        counters=counters,
    )


def _offer(context: SalonContext, request: _Request, supply: Supply, rules: StartRules) -> Offer:
    return Offer(
        questions=tuple(Question(visit, supply, rules) for visit in request.visits),
        salon=SalonFacts(
            names=context.names, time_zone=context.zone.key, territory_code=context.territory_code
        ),
        services=tuple(offered(context, one) for one in request.chosen),
        policy=strictest_terms([service.terms for service in request.services]),
        active_limit=request.limits.active_per_customer,
        as_of=context.as_of,
        stale=context.stale,
        waitlist_offer=min(service.waitlist_offer for service in request.services),
        compared=_compared(context, request.ask.first.astimezone(context.zone).date()),
        joined={
            staff_id: member.joined for staff_id, member in context.staff.items() if member.joined is not None
        },
    )


def _whole_stretches(span: Interval, working: Mapping[UUID, IntervalSet]) -> Interval:
    """The span and all of the work that it meets: which starts leave no gap depends on whole stretches of free time,
    for who takes one start as for who asks for all.
    """
    met = [
        (start, end)
        for stretches in working.values()
        for start, end in merged(stretches)
        if start < span[1] and span[0] < end
    ]
    return min([span[0], *(start for start, _ in met)]), max([span[1], *(end for _, end in met)])


def _limits(services: Sequence[SalonService], judged: Sequence[SalonService], party: Party) -> Limits:
    """The limits of the judged services, and of all of them what their people can do on a day; those of days do not bind
    the salon's own people.
    """
    limits = lowest([service.limits for service in judged])
    if party is not Party.CUSTOMER:
        return Limits(active_per_customer=limits.active_per_customer)
    if judged is services:
        return limits
    return replace(limits, per_staff_day=lowest([service.limits for service in services]).per_staff_day)


@lru_cache(maxsize=1_024)
def _compared(context: SalonContext, day: date) -> Interval:
    """The 28 days around that of the first asked start, as far as working time is known for them."""
    zone = context.zone
    # The window begins and ends at midnight UTC: a local day counts as known when most of it is.
    half = timedelta(hours=12)
    known_from = (datetime.fromtimestamp(context.window[0], zone) + half).date()
    known_to = (datetime.fromtimestamp(context.window[1], zone) - half).date() - timedelta(days=1)
    first, last = max(day - timedelta(days=13), known_from), min(day + timedelta(days=14), known_to)
    return midnight(zone, min(first, day)), midnight(zone, max(last, day) + timedelta(days=1))


def starts_of(ask: Ask) -> Interval:
    """The asked starts in whole seconds."""
    return _up(ask.first), _up(ask.last)


def _service_ids(ask: Ask) -> frozenset[UUID]:
    return frozenset(wanted.service_id for wanted in ask.wanted)


def _up(instant: datetime) -> int:
    return ceil(instant.timestamp())
