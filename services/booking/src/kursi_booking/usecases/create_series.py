"""Somebody books the same visit every few weeks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import DomainError, Invalid, Violation
from kursi_chassis.grpc.times import EARLIEST, LATEST
from kursi_chassis.ids import new_id

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import NotBookable, SlotTaken, TooManyBookings
from kursi_booking.domain.policy import Party
from kursi_booking.domain.recurrence import LEAST_VISITS, MOST_VISITS, Recurrence
from kursi_booking.domain.series import LeftOut, Mode, Series, in_series, made
from kursi_booking.domain.series_errors import SeriesDoesNotFit, SeriesPrepaymentRequired
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, NewBooking
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Ask, Offer, Offers, WantedService
from kursi_booking.ports.series import (
    DescribeSeries,
    NewSeries,
    RenderSeries,
    SeriesStore,
    SeriesView,
    VisitRefused,
)
from kursi_booking.usecases.access import act_for, expect_customer
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_booking.usecases.nearby import NearbyTimes
from kursi_booking.usecases.placing import (
    MOST_ASKED,
    Placement,
    candidates,
    check_for,
    fairly,
    place,
)

_DOES_NOT_FIT = (SlotTaken, NotBookable, TooManyBookings)


@dataclass(frozen=True, slots=True)
class WantedSeries:
    """The visits that somebody wants; without a customer they are the caller's own."""

    salon_id: UUID
    services: tuple[WantedService, ...]
    recurrence: Recurrence
    mode: Mode
    note: str
    customer_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Errand:
    """One request, understood, and the series that it would make."""

    wanted: WantedSeries
    act: Act
    request: KeyedRequest
    series: Series

    def ask(self, start: datetime) -> Ask:
        return Ask(
            salon_id=self.series.salon_id,
            wanted=self.wanted.services,
            first=start,
            last=start + timedelta(seconds=1),
            customer_id=self.series.customer_id,
            party=self.act.party,
        )


@dataclass(slots=True)
class _Plan:
    """What is to become of each start, in order: a visit, or why it is left out."""

    starts: tuple[datetime, ...]
    dates: list[NewBooking | LeftOut] = field(default_factory=list)
    tries: dict[datetime, int] = field(default_factory=dict)

    @property
    def visits(self) -> tuple[NewBooking, ...]:
        return tuple(date for date in self.dates if isinstance(date, NewBooking))

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return tuple(date for date in self.dates if isinstance(date, LeftOut))

    def position(self, visit: NewBooking) -> int:
        return next(position for position, date in enumerate(self.dates) if date is visit)


class CreateSeries:
    """Finds a place for each date outside of the transaction, and takes them all in one, so that a crash leaves the
    whole series or nothing. A date that somebody else took meanwhile is looked at again by itself.
    """

    def __init__(
        self,
        store: SeriesStore,
        bookings: BookingStore,
        offers: Offers,
        expire_hold: HoldExpiry,
        clock: Clock,
        *,
        customers: Customers,
        describe: DescribeEvent,
        describe_series: DescribeSeries,
        render: RenderSeries,
    ) -> None:
        self._customers = customers
        self._store = store
        self._bookings = bookings
        self._offers = offers
        self._nearby = NearbyTimes(offers, bookings)
        self._expire_hold = expire_hold
        self._clock = clock
        self._describe = describe
        self._describe_series = describe_series
        self._render = render

    async def __call__(self, wanted: WantedSeries, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the new series, or the first answer when the request is a repetition.

        Raises: SeriesDoesNotFit, SeriesPrepaymentRequired, Denied, Invalid for an end too near or too far or a customer whom
            nobody knows; what `Offers.to_book` raises.
        """
        return await or_first_answer(self._create(wanted, request, caller), self._bookings, request)

    async def _create(self, wanted: WantedSeries, request: KeyedRequest, caller: Caller) -> bytes:
        errand, plan = await self._planned(wanted, request, caller)
        return await self._take(errand, plan)

    async def foresee(self, wanted: WantedSeries, request: KeyedRequest, caller: Caller) -> bytes:
        """Which dates fit, and why the others do not. Writes nothing. Raises: as creating, but not SeriesDoesNotFit."""
        errand, plan = await self._planned(wanted, request, caller)
        return self._answer(errand, plan, is_foreseen=True)

    async def _planned(
        self, wanted: WantedSeries, request: KeyedRequest, caller: Caller
    ) -> tuple[_Errand, _Plan]:
        customer_id, act = act_for(wanted.customer_id, wanted.salon_id, caller, self._clock.now())
        await expect_customer(self._customers, wanted.customer_id, wanted.salon_id, caller)
        recurrence = wanted.recurrence
        series = Series(
            series_id=new_id(),
            salon_id=wanted.salon_id,
            customer_id=customer_id,
            time_zone="",
            first_start=recurrence.first,
            every_weeks=recurrence.every_weeks,
            mode=wanted.mode,
            left_out=(),
            created_by=act.actor,
            created_at=act.at,
        )
        errand = _Errand(wanted, act, request, series)
        offer = await self._offers.to_book(errand.ask(recurrence.first))
        zone = offer.salon.time_zone
        errand = replace(errand, series=replace(series, time_zone=zone))
        plan = _Plan(_allowed(recurrence.starts(ZoneInfo(zone))))
        for start in plan.starts:
            plan.dates.append(await self._date(errand, plan, start))
        return errand, plan

    async def _date(self, errand: _Errand, plan: _Plan, start: datetime) -> NewBooking | LeftOut:
        """A place for one date, or why there is none. Raises: SeriesPrepaymentRequired."""
        ask, act = errand.ask(start), errand.act
        offer = await self._offers.to_book(ask)
        people = candidates(offer)
        if people:
            offer = fairly(offer, await self._bookings.loads(people, offer.compared))
        try:
            _expect_room(offer, act, already=len(plan.visits))
            placement = place(offer, ask, check_for(act.party))
        except _DOES_NOT_FIT as refused:
            return await self._left_out(errand, start, refused)
        visit = self._visit(errand, offer, placement)
        if not visit.change.booking.prepayment.is_zero:
            raise SeriesPrepaymentRequired
        return visit

    async def _left_out(self, errand: _Errand, start: datetime, refused: DomainError) -> LeftOut:
        alternatives: Sequence[datetime] = ()
        if not isinstance(refused, TooManyBookings):
            around = await self._nearby.around(errand.ask(start), errand.act.at)
            alternatives = around.instead_of(start).alternatives
        rule = str(refused.metadata.get("rule", ""))
        return LeftOut(start, refused.reason, rule, tuple(alternatives))

    def _visit(self, errand: _Errand, offer: Offer, placement: Placement) -> NewBooking:
        act, series = errand.act, errand.series
        change = verbs.create(
            act,
            booking_id=new_id(),
            salon_id=series.salon_id,
            salon=offer.salon,
            customer_id=series.customer_id,
            items=placement.items,
            policy=offer.policy,
            note=errand.wanted.note,
        )
        change = in_series(change, series.series_id)
        return NewBooking(
            change=change,
            claims=placement.claims,
            active_limit=offer.active_limit if act.party is Party.CUSTOMER else None,
            event=self._describe(None, change),
            request=errand.request.without_key,
            answer=b"",
            room=placement.room,
        )

    async def _take(self, errand: _Errand, plan: _Plan) -> bytes:
        """Take all planned visits; after each one that was refused, plan its date again. That ends, because no date is
        tried more than `MOST_ASKED` times. Raises: SeriesDoesNotFit.
        """
        while True:
            _expect_fit(errand, plan)
            visits = plan.visits
            series = replace(errand.series, left_out=plan.left_out)
            news = made(series.series_id, [visit.change.booking for visit in visits], errand.act)
            new = NewSeries(
                series, visits, self._describe_series(news), errand.request, self._answer(errand, plan)
            )
            try:
                return await run_with_retries(partial(self._store.create, new))
            except VisitRefused as refused:
                await self._plan_again(errand, plan, visits[refused.number])

    async def _plan_again(self, errand: _Errand, plan: _Plan, visit: NewBooking) -> None:
        """Look at the date of a refused visit again: for other people, or for why it does not fit any more."""
        position = plan.position(visit)
        start = plan.starts[position]
        for booking_id in await self._bookings.overdue_holds(visit.claims, errand.act.at):
            await self._expire_hold(booking_id)
        plan.tries[start] = plan.tries.get(start, 0) + 1
        if plan.tries[start] < MOST_ASKED:
            plan.dates[position] = LeftOut(start, "")
            plan.dates[position] = await self._date(errand, plan, start)
        else:
            plan.dates[position] = await self._left_out(errand, start, SlotTaken())

    def _answer(self, errand: _Errand, plan: _Plan, *, is_foreseen: bool = False) -> bytes:
        series = replace(errand.series, left_out=plan.left_out)
        bookings = [visit.change.booking for visit in plan.visits]
        return self._render(SeriesView(series, bookings, errand.act.at, is_foreseen))


def _allowed(starts: tuple[datetime, ...]) -> tuple[datetime, ...]:
    """Raises: Invalid for fewer visits than two or more than allowed, which only an end by date can say, and for visits
    in years that nobody can ask about.
    """
    if starts and starts[-1] >= LATEST:
        raise Invalid(Violation("start_time", "OUT_OF_RANGE", {"min": EARLIEST, "max": LATEST}))
    if len(starts) < LEAST_VISITS:
        raise Invalid(Violation("until", "EMPTY_RANGE"))
    if len(starts) > MOST_VISITS:
        raise Invalid(Violation("until", "TOO_MANY", {"max": MOST_VISITS}))
    return starts


def _expect_room(offer: Offer, act: Act, *, already: int) -> None:
    """The visits planned before count, as if they were booked. Raises: TooManyBookings."""
    limit = offer.active_limit
    if act.party is not Party.CUSTOMER or limit is None:
        return
    active = max((question.rules.counters.customer_active for question in offer.questions), default=0)
    if active + already >= limit:
        raise TooManyBookings(limit)


def _expect_fit(errand: _Errand, plan: _Plan) -> None:
    """Raises: SeriesDoesNotFit when all dates were wanted and one is left out, or when all are."""
    is_enough = not plan.left_out if errand.wanted.mode is Mode.ALL else bool(plan.visits)
    if not is_enough:
        raise SeriesDoesNotFit(_by_start(plan.left_out))


def _by_start(left_out: Iterable[LeftOut]) -> list[LeftOut]:
    return sorted(left_out, key=lambda one: one.start)
