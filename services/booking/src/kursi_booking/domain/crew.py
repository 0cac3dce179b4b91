"""Who fills which seat of a visit, decided on bit masks.

For every seat there are up to four masks of the resources that are free for it: with and without the padding
towards the service before, and the same towards the service after (a resource that goes on from one service to
the next needs no padding between them). Masks do not know the time, so
one decision serves every start with the same masks. Where starts must leave no gaps, "the same" is told apart once more:
whether the person has been at work since the visit began, because the gap comes where that ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias
from uuid import UUID

from kursi_booking.domain.visit import Kind, Seat, Visit

APART: Final = 0
"""The neighbouring service is somebody else's, or there is a pause."""
JOINED: Final = 1
"""The same resource does the neighbouring service, without a pause."""
SINCE_START: Final = 2
"""As JOINED, and the same person has been at work since the visit began."""

Variant: TypeAlias = tuple[int, int]
"""How a seat is tied to the service before, and to the service after."""

Masks: TypeAlias = Mapping[tuple[int, Variant], int]
"""By seat (its index in the visit) and variant: one bit per resource of the seat's group."""

_ALONE: Variant = (APART, APART)


@dataclass(frozen=True, slots=True)
class Choice:
    """`chosen` fills each seat; `feasible` lists all who could, some other choice of the rest permitting.

    Of several seats that one service needs at once, that is exact for the first; for the others it is who is free.
    """

    chosen: Mapping[int, UUID]
    feasible: Mapping[int, tuple[UUID, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Seats that compete for the same resources: all of the staff, or all units of one resource type.

    Groups do not affect each other, so each is decided on its own. Services that need several seats of the
    group at once keep their padding towards each other; where every service needs at most one, it is dropped
    when the same resource goes on.

    `minds_gaps`: whether it is told apart who has been at work since the visit began.
    """

    seats: tuple[tuple[int, Seat], ...]
    is_chain: bool
    minds_gaps: bool
    bits: Mapping[UUID, int]
    ranked: tuple[tuple[tuple[UUID, int], ...], ...]
    """Per seat of the group, who is eligible with their bit, best first."""

    @property
    def everybody(self) -> Masks:
        """The masks of a time at which everybody is free for each seat that they are eligible for."""
        return {
            (index, variant): _union(bit for _, bit in self.ranked[position])
            for position, (index, _) in enumerate(self.seats)
            for variant in self.variants(position)
        }

    def variants(self, position: int) -> tuple[Variant, ...]:
        """The variants that can happen to the seat at this position of the group."""
        if not self.is_chain:
            return (_ALONE,)
        goes_on = position + 1 < len(self.seats) and self.joins(position)
        return tuple(
            (before, after)
            for before in self._ties_before(position)
            for after in ((APART, self.tie_after(position, before)) if goes_on else (APART,))
        )

    def _ties_before(self, position: int) -> tuple[int, ...]:
        if position == 0 or not self.joins(position - 1):
            return (APART,)
        ties = {self.tie_after(position - 1, before) for before in self._ties_before(position - 1)}
        return (APART, *sorted(ties))

    def tie_after(self, position: int, before: int) -> int:
        """What ties somebody to the next seat who goes on to it."""
        return SINCE_START if self.minds_gaps and (position == 0 or before == SINCE_START) else JOINED

    def joins(self, position: int) -> bool:
        """Whether one resource in this seat and the next one would go on without a pause."""
        left, right = self.seats[position][1], self.seats[position + 1][1]
        return left.service_index + 1 == right.service_index and left.at_end and right.at_start


@lru_cache(maxsize=256)
def groups_of(visit: Visit, *, mind_gaps: bool) -> tuple[Group, ...]:
    """The visit's seats, split into groups that can be decided one by one. The same visit is asked about again and again.

    With `mind_gaps` it is told apart which of the staff has been at work since the visit began.
    """
    members: dict[tuple[Kind, str], list[tuple[int, Seat]]] = {}
    for index, seat in enumerate(visit.seats):
        key = (seat.kind, "" if seat.kind is Kind.STAFF else seat.pool)
        members.setdefault(key, []).append((index, seat))
    return tuple(
        _group(seats, minds_gaps=mind_gaps and kind is Kind.STAFF) for (kind, _), seats in members.items()
    )


def _group(seats: list[tuple[int, Seat]], *, minds_gaps: bool) -> Group:
    units = dict.fromkeys(unit for _, seat in seats for unit in seat.eligible)
    bits = {unit: 1 << number for number, unit in enumerate(units)}
    served = [seat.service_index for _, seat in seats]
    return Group(
        seats=tuple(seats),
        is_chain=len(set(served)) == len(served),
        minds_gaps=minds_gaps,
        bits=bits,
        ranked=tuple(tuple((unit, bits[unit]) for unit in seat.eligible) for _, seat in seats),
    )


def decide(group: Group, masks: Masks) -> Choice | None:
    """Fill every seat of the group, or say that it cannot be done."""
    if len(group.seats) == 1:
        return _decide_single(group, masks)
    return _decide_chain(group, masks) if group.is_chain else _decide_layers(group, masks)


def _decide_single(group: Group, masks: Masks) -> Choice | None:
    """One seat in all, as in most visits: the mask is the answer."""
    index = group.seats[0][0]
    free = _named(group, 0, masks[index, _ALONE])
    return Choice({index: free[0]}, {index: free}) if free else None


def _named(group: Group, position: int, mask: int) -> tuple[UUID, ...]:
    return tuple([unit for unit, bit in group.ranked[position] if mask & bit])


def _decide_chain(group: Group, masks: Masks) -> Choice | None:
    """One seat per service: walk both ways over sets of resources, then pick from what both allow."""
    everyone = (1 << len(group.bits)) - 1
    ahead = _walk(group, masks, everyone, forward=True)
    back = _walk(group, masks, everyone, forward=False)
    feasible = [
        _union(
            masks[index, (before, after)] & ahead[position][before] & back[position][after]
            for before, after in group.variants(position)
        )
        for position, (index, _) in enumerate(group.seats)
    ]
    if not all(feasible):
        return None
    return Choice(
        chosen=_pick_chain(group, masks, back),
        feasible={
            index: _named(group, position, feasible[position])
            for position, (index, _) in enumerate(group.seats)
        },
    )


def _walk(group: Group, masks: Masks, everyone: int, *, forward: bool) -> Sequence[tuple[int, int, int]]:
    """Per seat, who can stand there given the seats already passed, by what ties them to those."""
    count = len(group.seats)
    order = range(count) if forward else range(count - 1, -1, -1)
    reached: list[tuple[int, int, int]] = [(0, 0, 0)] * count
    state = (everyone, 0, 0)
    for position in order:
        reached[position] = state
        index = group.seats[position][0]
        leaving = [0, 0, 0]
        for variant in group.variants(position):
            entered, left = variant if forward else variant[::-1]
            leaving[left] |= state[entered] & masks[index, variant]
        next_join = position if forward else position - 1
        joins = 0 <= next_join < count - 1 and group.joins(next_join)
        apart = _others(leaving[APART], everyone) if joins else everyone * bool(leaving[APART])
        state = (apart, leaving[JOINED], leaving[SINCE_START])
    return reached


def _others(mask: int, everyone: int) -> int:
    """Who can follow somebody of `mask` without being that same person."""
    if mask & (mask - 1):
        return everyone
    return everyone ^ mask if mask else 0


def _pick_chain(group: Group, masks: Masks, back: Sequence[tuple[int, int, int]]) -> dict[int, UUID]:
    """The best-ranked person for each seat in turn, who goes on to the next service where that works."""
    chosen: dict[int, UUID] = {}
    previous: UUID | None = None
    tie = APART
    for position, (index, _) in enumerate(group.seats):
        touches = position > 0 and group.joins(position - 1)
        previous, tie = next(
            (unit, after)
            for unit, bit in group.ranked[position]
            if not touches or (unit == previous) == (tie != APART)
            for before, after in reversed(group.variants(position))
            if before == tie and bit & masks[index, (before, after)] & back[position][after]
        )
        chosen[index] = previous
    return chosen


def _decide_layers(group: Group, masks: Masks) -> Choice | None:
    """Several seats per service: each service is a small matching of its own."""
    chosen: dict[int, UUID] = {}
    feasible: dict[int, tuple[UUID, ...]] = {}
    layers: dict[int, list[tuple[int, tuple[UUID, ...]]]] = {}
    for position, (index, seat) in enumerate(group.seats):
        free = _named(group, position, masks[index, _ALONE])
        layers.setdefault(seat.service_index, []).append((index, free))
    for seats in layers.values():
        matching = _match(seats, {})
        if matching is None:
            return None
        chosen |= matching
        feasible |= dict(seats)
        # Who asks for somebody asks for the first seat: named for it is only who leaves enough people for the others.
        lead, free = seats[0]
        feasible[lead] = tuple([unit for unit in free if _match(seats[1:], {lead: unit}) is not None])
    return Choice(chosen, feasible)


def _match(seats: Sequence[tuple[int, tuple[UUID, ...]]], taken: dict[int, UUID]) -> dict[int, UUID] | None:
    """Give each seat somebody of its own, best-ranked first, by backtracking over a handful of seats."""
    if not seats:
        return taken
    (index, free), rest = seats[0], seats[1:]
    for unit in free:
        if unit not in taken.values():
            matching = _match(rest, {**taken, index: unit})
            if matching is not None:
                return matching
    return None


def _union(masks: Iterable[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result
