"""Giving a booking other times, people or services: the order of work that both ways have in common."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice
from typing import TypeVar
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import DomainError, RetryLater
from kursi_chassis.grpc.etag import check_etag

from kursi_booking.domain.booking import Act, Booking, Change, Item, total
from kursi_booking.domain.errors import (
    AddOnNotFound,
    NotBookable,
    ServicePrepaymentRequired,
    SlotTaken,
    StaffDoesNotPerform,
    StaffNotFound,
)
from kursi_booking.domain.payment import nothing_more_due
from kursi_booking.domain.policy import Party
from kursi_booking.domain.state import State
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import TimeTaken
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Ask, Offer, Offers, WantedService
from kursi_booking.usecases.access import act_of_anyone, visible
from kursi_booking.usecases.acting import Acting, Order
from kursi_booking.usecases.nearby import NearbyTimes
from kursi_booking.usecases.placing import (
    MOST_ASKED,
    Check,
    Placement,
    candidates,
    fairly,
    place,
    preferring,
)
from kursi_booking.usecases.saving import save_moved

T = TypeVar("T", Item, WantedService)

Verb = Callable[[Booking, Act, tuple[Item, ...]], Change]


@dataclass(frozen=True, slots=True)
class Move:
    """Where a booking is to go. `asks` are ways to ask for it, the preferred one first."""

    asks: Sequence[Ask]
    check: Check
    verb: Verb

    @property
    def people(self) -> Sequence[UUID | None]:
        """Who is asked for each service before all others, also where somebody else has to do another one."""
        return [wanted.staff_id for wanted in self.asks[0].wanted]


Plan = Callable[[Booking, Act], Move | None]
"""Where this booking goes; None when it is there already. Raises what forbids it to move at all."""

_MOST_WAYS = 14
"""Ways to do without some of the people of a visit that are looked at, each at the cost of a look at what is taken: all of
those that four people have.
"""

SOMEBODY_ELSE_MAY_DO = (SlotTaken, NotBookable, StaffNotFound, StaffDoesNotPerform)
"""What keeps a visit from being moved in one way and not in another."""


class Moving:
    """Finds the place outside of the transaction, and takes it inside, if the booking is still the same."""

    def __init__(self, acting: Acting, offers: Offers, expire_hold: HoldExpiry) -> None:
        self._acting = acting
        self._offers = offers
        self._nearby = NearbyTimes(offers, acting.store)
        self._expire_hold = expire_hold

    async def carry_out(self, order: Order, request: KeyedRequest, caller: Caller, plan: Plan) -> bytes:
        """The answer with the moved booking, or the first answer when the request is a repetition.

        Raises: BookingNotFound, StaleEtag, SlotTaken with other times, NotBookable, and what the plan and its verb
            raise.
        """
        kept = await self._acting.store.first_answer(request)
        if kept is not None:
            return kept
        for _ in range(MOST_ASKED):
            answer = await run_with_retries(lambda: self._attempt(order, request, caller, plan))
            if answer is not None:
                return answer
        raise RetryLater

    async def foresee(self, order: Order, caller: Caller, plan: Plan) -> bytes:
        """The booking as it would be, with the revision that it has. Writes nothing. Raises: as carrying it out."""
        before, act, move = await self._understood(order, caller, plan)
        if move is None:
            return self._acting.render(before, before.settlement)
        placement = await self._place(before, act, move)
        moved = move.verb(before, act, placement.items).booking
        after = nothing_more_due(moved, act).booking
        return self._acting.render(replace(after, revision=before.revision), after.settlement)

    async def _attempt(self, order: Order, request: KeyedRequest, caller: Caller, plan: Plan) -> bytes | None:
        """The answer, or None when somebody changed the booking or took the place meanwhile: then look again."""
        before, act, move = await self._understood(order, caller, plan)
        if move is None:
            return await self._stay(before, request)
        placement = await self._place(before, act, move)
        try:
            return await self._take(before, act, move, placement, request)
        except TimeTaken:
            for booking_id in await self._acting.store.overdue_holds(placement.claims, act.at):
                await self._expire_hold(booking_id)
            return None

    async def _stay(self, before: Booking, request: KeyedRequest) -> bytes:
        """The booking as it is. Kept like any other answer: when the request is repeated, it may be elsewhere."""
        async with self._acting.store.work() as work:
            kept = await work.kept_answer(request)
            if kept is not None:
                return kept
            answer = self._acting.render(before, before.settlement)
            await work.keep_answer(request, answer)
            return answer

    async def _understood(self, order: Order, caller: Caller, plan: Plan) -> tuple[Booking, Act, Move | None]:
        before = visible(await self._acting.store.find(order.booking_id), caller)
        act = act_of_anyone(before, caller, self._acting.clock.now(), order.reason)
        move = plan(before, act)
        if move is not None:
            check_etag(order.etag, before.revision)
        return before, act, move

    async def _place(self, before: Booking, act: Act, move: Move) -> Placement:
        """The first way that works out. Raises: what the last one raises, SlotTaken with other times."""
        refusal: DomainError = SlotTaken()
        refused = first = move.asks[0]
        for ask in move.asks:
            try:
                return await self._placed(before, act, ask, move)
            except SOMEBODY_ELSE_MAY_DO as error:
                refusal, refused = error, ask
            except AddOnNotFound:
                # Whom it was booked with keeps an add-on that the salon took out; nobody else has it to give.
                if ask is first:
                    raise
        if isinstance(refusal, SlotTaken):
            around = await self._nearby.around(refused, act.at)
            raise around.instead_of(refused.first) from refusal
        raise refusal

    async def _placed(self, before: Booking, act: Act, ask: Ask, move: Move) -> Placement:
        offer = await self._offers.to_book(ask)
        if act.party is Party.CUSTOMER:
            check_prepayment(before, offer)
        people = candidates(offer)
        if people:
            offer = fairly(offer, await self._acting.store.loads(people, offer.compared))
        placement = place(preferring(offer, move.people), ask, move.check)
        items = with_frozen_values(before.items, placement.items)
        if act.party is Party.CUSTOMER:
            check_paid(before, items)
        return replace(placement, items=items)

    async def _take(
        self, before: Booking, act: Act, move: Move, placement: Placement, request: KeyedRequest
    ) -> bytes | None:
        async with self._acting.store.work() as work:
            await work.expect_room(placement.room)
            kept = await work.kept_answer(request)
            if kept is not None:
                return kept
            booking = await work.locked(before.booking_id)
            if booking is None or booking.revision != before.revision:
                raise TimeTaken
            change = move.verb(booking, act, placement.items)
            after = await save_moved(
                work, self._acting.describe, booking, change, act, claims=placement.claims
            )
            answer = self._acting.render(after, after.settlement)
            await work.keep_answer(request, answer)
            return answer


def without_some(people: Sequence[UUID | None], named: Sequence[UUID | None]) -> list[Sequence[UUID | None]]:
    """Ways to do without some of several people, by service, as few as possible first: the others stay with what is
    theirs, as it was booked.

    Who is `named` for a service, because that is what was asked for, stays in all of them.
    """
    unnamed = dict.fromkeys(
        person for person, name in zip(people, named, strict=True) if person is not None and name is None
    )
    missing = chain.from_iterable(combinations(unnamed, number) for number in range(1, len(unnamed)))
    return [
        [name if person in away else person for person, name in zip(people, named, strict=True)]
        for away in islice(missing, _MOST_WAYS)
    ]


def ask_again(booking: Booking, act: Act, ask: Ask) -> Ask:
    """The ask of somebody who moves this booking: what stays the same takes the time for which it was booked."""
    return replace(
        ask,
        wanted=_with_agreed_times(booking.items, ask.wanted),
        customer_id=booking.customer_id,
        party=act.party,
        own_booking=booking.booking_id,
    )


def check_prepayment(booking: Booking, offer: Offer) -> None:
    """Keep a customer from adding what has to be paid before to a visit that asks for less of it.

    Raises: ServicePrepaymentRequired.
    """
    added = more_of(booking.items, [service.service_id for service in offer.services])
    for service in offer.services:
        due = service.terms.due_now(service.price)
        if service.service_id in added and booking.policy.due_now(service.price) < due:
            raise ServicePrepaymentRequired


def check_paid(booking: Booking, items: tuple[Item, ...]) -> None:
    """Keep a customer from getting more than was paid for into a visit that counts already: nobody would ask for the rest.

    A hold waits for what its services ask for, and what the salon lets come unpaid can be moved as it is.

    Raises: ServicePrepaymentRequired.
    """
    due = booking.policy.due_now(total(items))
    if booking.state is not State.HELD and due > booking.prepayment and due > booking.kept:
        raise ServicePrepaymentRequired


def more_of(items: Sequence[Item], service_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Which services are there more often than they are booked."""
    return frozenset(Counter(service_ids) - Counter(item.service_id for item in items))


def with_frozen_values(before: Sequence[Item], after: Sequence[Item]) -> tuple[Item, ...]:
    """The new items, with id, names and price of those that stay the same but for their time.

    A service by the same person with the same add-ons keeps the price of the day of booking.
    """
    return tuple(
        item if same is None else replace(same, during=item.during, assistants=item.assistants)
        for item, same in _paired(before, after)
    )


def _with_agreed_times(before: Sequence[Item], after: Sequence[WantedService]) -> tuple[WantedService, ...]:
    return tuple(
        wanted if same is None else replace(wanted, lasts=same.during.length)
        for wanted, same in _paired(before, after)
    )


def _paired(before: Sequence[Item], after: Iterable[T]) -> Iterator[tuple[T, Item | None]]:
    """Each of what is to be with what it was before; nothing is paired twice."""
    left = list(before)
    for new in after:
        same = next((old for old in left if _is_same(old, new)), None)
        if same is not None:
            left.remove(same)
        yield new, same


def _is_same(old: Item, new: Item | WantedService) -> bool:
    return (old.service_id, old.staff_id, set(old.add_on_ids)) == (
        new.service_id,
        new.staff_id,
        set(new.add_on_ids),
    )
