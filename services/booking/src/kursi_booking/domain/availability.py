"""The slot engine: at which starts a visit can really be booked, and with whom.

A list of free times and the check of one start run the same code on many starts or on one (`_crews`), so
what was offered and has not been taken meanwhile is never refused. Times are epoch seconds.

The rule of paddings: the new claim with its padding must lie in working time and must not meet an old claim
with its own. Old claims arrive padded, so a start fits when its padded windows lie in ``working - busy``.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from operator import xor
from typing import NamedTuple
from uuid import UUID

from kursi_chassis.intervals import Interval, IntervalSet, clip, intersect, merged, subtract

from kursi_booking.domain.crew import APART, SINCE_START, Choice, Group, Variant, decide, groups_of
from kursi_booking.domain.start_rule import (
    DAY,
    START_RULES,
    Limits,
    Rule,
    StartMode,
    StartRules,
    full_days_of,
    grid_starts,
    tidy_starts,
)
from kursi_booking.domain.visit import Kind, Seat, Visit


@dataclass(frozen=True, slots=True)
class Supply:
    """Working time and padded claims per staff member and per resource, each sorted or not.

    It must cover every local day that the asked range touches and the days that the visit can reach into;
    what is missing counts as not working.
    """

    working: Mapping[UUID, Sequence[Interval]]
    busy: Mapping[UUID, Sequence[Interval]] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A visit, the rules, and the supply: what it takes to say when and with whom. (No slots, for the caches.)"""

    visit: Visit
    supply: Supply
    rules: StartRules

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The seats, in groups that do not affect each other."""
        return groups_of(self.visit, mind_gaps=not self.on_grid)

    @cached_property
    def free(self) -> Mapping[UUID, IntervalSet]:
        """Working time without claims, for everybody who could serve."""
        units = {unit for group in self.groups for unit in group.bits}
        return {
            unit: subtract(merged(self.supply.working.get(unit, ())), merged(self.supply.busy.get(unit, ())))
            for unit in units
        }

    @cached_property
    def lead(self) -> int | None:
        """The first staff member's seat: gap-free starts look at the free time of who sits there."""
        return next((i for i, seat in enumerate(self.visit.seats) if seat.kind is Kind.STAFF), None)

    @property
    def on_grid(self) -> bool:
        """Whether starts are on the grid: also without gaps, where nobody is needed whose free time has any."""
        return self.rules.policy.mode is StartMode.GRID or self.lead is None


@dataclass(frozen=True, slots=True)
class Use:
    """One resource kept by one service of the visit: core range and padding."""

    resource_id: UUID
    kind: Kind
    pool: str
    service_index: int
    start: int
    end: int
    pad_before: int
    pad_after: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """A visit that fits: when it starts and ends, and who and what each service uses."""

    start: int
    end: int
    uses: tuple[Use, ...]

    def staff_of(self, service_index: int) -> tuple[UUID, ...]:
        """The people who perform one service."""
        return tuple(
            dict.fromkeys(
                use.resource_id
                for use in self.uses
                if use.service_index == service_index and use.kind is Kind.STAFF
            )
        )


@dataclass(frozen=True, slots=True)
class Crew:
    """Who fills each seat, and who else could, at every start where the same are free."""

    visit: Visit
    chosen: Mapping[int, UUID]
    staff: tuple[tuple[UUID, ...], ...]

    def at(self, start: int) -> Assignment:
        """This crew at work from `start`."""
        return Assignment(
            start=start,
            end=start + self.visit.duration,
            uses=tuple(
                Use(
                    resource_id=self.chosen[index],
                    kind=seat.kind,
                    pool=seat.pool,
                    service_index=seat.service_index,
                    start=start + span.start,
                    end=start + span.end,
                    pad_before=span.pad_before,
                    pad_after=span.pad_after,
                )
                for index, seat in enumerate(self.visit.seats)
                for span in seat.spans
            ),
        )


class Opening(NamedTuple):
    """A start that can be booked; `staff` are the possible people per service, best first."""

    start: int
    end: int
    staff: tuple[tuple[UUID, ...], ...]
    crew: Crew

    @property
    def assignment(self) -> Assignment:
        """One way to staff the visit: the best-ranked people that work out together."""
        return self.crew.at(self.start)


@dataclass(frozen=True, slots=True)
class Place:
    """A seat, by its index in the visit too, in one of its variants."""

    index: int
    seat: Seat
    variant: Variant

    @property
    def windows(self) -> tuple[Interval, ...]:
        """The padded ranges around a start at 0 that must be free."""
        before, after = self.variant
        return self.seat.windows(joined_before=before != APART, joined_after=after != APART)

    def ends_work_of(self, lead: int | None) -> bool:
        """Whether somebody's work, begun in the lead's seat, ends in this one: where a gap can come."""
        before, after = self.variant
        return after != SINCE_START and (before == SINCE_START or self.index == lead)


@dataclass(frozen=True, slots=True)
class Rejection:
    """The first rule that closes a start."""

    rule: Rule


def find_openings(question: Question, start: int, end: int) -> list[Opening]:
    """Every start in ``[start, end)`` that a customer can book, in order."""
    allowed: IntervalSet = ((start, end),) if start < end else ()
    for _, rule in START_RULES:
        allowed = tuple(kept for window in allowed for kept in rule(question.rules, window))
    starts = [candidate for window in allowed for candidate in _candidates(question, window)]
    duration = question.visit.duration
    return [
        Opening(candidate, candidate + duration, crew.staff, crew)
        for candidate, crew in zip(starts, _crews(question, starts), strict=True)
        if crew is not None
    ]


def first_opening(question: Question, start: int, end: int) -> Opening | None:
    """The earliest start in the range, looked for one day's worth of starts at a time."""
    for day in range(start, end, DAY):
        found = find_openings(question, day, min(day + DAY, end))
        if found:
            return found[0]
    return None


def check_start(question: Question, start: int) -> Assignment | Rejection:
    """Whether a customer can book this start: what `find_openings` offers, or the first rule against."""
    refused = _refused_start(question, start)
    if refused is not None:
        return refused
    if question.on_grid and not grid_starts(question.rules.policy, (start, start + 1)):
        return Rejection(Rule.OFF_GRID)
    return _placed(question, start)


def check_placement(question: Question, start: int) -> Assignment | Rejection:
    """Whether people and things are free, whatever notice, horizon and layout say: what staff may place."""
    policy = replace(question.rules.policy, mode=StartMode.GRID)
    return _placed(replace(question, rules=replace(question.rules, policy=policy)), start)


def check_addition(question: Question, start: int) -> Assignment | Rejection:
    """Whether a customer can have more services in a visit whose start stands, however starts are laid out now."""
    return _refused_start(question, start) or check_placement(question, start)


def _refused_start(question: Question, start: int) -> Rejection | None:
    for rule, allows in START_RULES:
        if not allows(question.rules, (start, start + 1)):
            return Rejection(rule)
    return None


def _placed(question: Question, start: int) -> Assignment | Rejection:
    crew = _crews(question, [start])[0]
    return crew.at(start) if crew is not None else Rejection(_why_nobody(question, start))


def relaxed(question: Question) -> Iterator[tuple[Question, Rule]]:
    """The question with one rule after the other given up, and the rule: who is free then was kept by that one."""
    rules = question.rules
    if rules.policy.mode is not StartMode.GRID:
        rules = replace(rules, policy=replace(rules.policy, mode=StartMode.GRID))
        yield replace(question, rules=rules), Rule.LEAVES_GAP
    if rules.limits.of_days:
        rules = replace(rules, limits=Limits())
        yield replace(question, rules=rules), Rule.STAFF_DAY_FULL
    yield replace(question, rules=rules, supply=Supply(question.supply.working)), Rule.TAKEN


def why_group(question: Question, group: Group, start: int) -> Rule | None:
    """The first rule that keeps the seats of one group from being filled at a start; None when they can be."""
    if decide(group, group.everybody) is None:
        is_staff = group.seats[0][1].kind is Kind.STAFF
        return Rule.NO_PERFORMER if is_staff else Rule.NOT_ENOUGH_RESOURCES
    if _can_fill(question, group, start):
        return None
    gave_way = (reason for easier, reason in relaxed(question) if _can_fill(easier, group, start))
    return next(gave_way, Rule.OUTSIDE_WORKING_TIME)


def _can_fill(question: Question, group: Group, start: int) -> bool:
    columns = _columns(question, group, [start])
    return decide(group, {key: masks[0] for key, masks in columns.items()}) is not None


def _why_nobody(question: Question, start: int) -> Rule:
    """What closes any group closes the visit; of several rules, the one that is looked at first."""
    reasons = {why_group(question, group, start) for group in question.groups}
    return next(rule for rule in Rule if rule in reasons)


def _candidates(question: Question, window: Interval) -> Sequence[int]:
    policy = question.rules.policy
    if question.on_grid:
        return grid_starts(policy, window)
    tidy = {
        start
        for group in question.groups
        for place in _places(group)
        if place.ends_work_of(question.lead)
        for unit in place.seat.eligible
        for start in tidy_starts(question.free[unit], question.visit.work_through(place.index), policy)
    }
    return sorted(start for start in tidy if window[0] <= start < window[1])


def _places(group: Group) -> Iterator[Place]:
    for position, (index, seat) in enumerate(group.seats):
        for variant in group.variants(position):
            yield Place(index, seat, variant)


def _crews(question: Question, starts: Sequence[int]) -> list[Crew | None]:
    """Per start, who serves; the same answer object for all starts at which the same people are free."""
    if not starts:
        return []
    columns: list[Sequence[int]] = []
    deciders: list[tuple[Group, list[tuple[int, Variant]]]] = []
    for group in question.groups:
        mine = _columns(question, group, starts)
        columns.extend(mine.values())
        deciders.append((group, list(mine)))
    decided: dict[tuple[int, ...], Crew | None] = {}
    result: list[Crew | None] = []
    for signature in zip(*columns, strict=True) if columns else [()] * len(starts):
        if signature not in decided:
            decided[signature] = _crew(question.visit, deciders, signature)
        result.append(decided[signature])
    return result


def _columns(
    question: Question, group: Group, starts: Sequence[int]
) -> dict[tuple[int, Variant], Sequence[int]]:
    """By seat and variant, per start: the bits of the group's resources that are free."""
    return {
        (place.index, place.variant): _free_masks(question, group, place, starts) for place in _places(group)
    }


def _free_masks(question: Question, group: Group, place: Place, starts: Sequence[int]) -> list[int]:
    """Per start, the bits of the group's resources free for the seat: a bit turns over at both ends of each stretch of
    starts at which its resource is free, and stays as it is in between.
    """
    turns = [0] * (len(starts) + 1)
    for unit in place.seat.eligible:
        bit = group.bits[unit]
        for first, last in free_at(question, place, unit, starts):
            turns[first] ^= bit
            turns[last] ^= bit
    return list(accumulate(turns[:-1], xor))


def free_at(question: Question, place: Place, unit: UUID, starts: Sequence[int]) -> list[Interval]:
    """The stretches of starts, by position, at which a resource is free for a seat; some may be empty.

    `starts` are in order, one at least.
    """
    windows = _start_windows(question, place, unit, (starts[0], starts[-1] + 1))
    if question.on_grid or not place.ends_work_of(question.lead):
        return _stretches(starts, windows)
    free, work = question.free[unit], question.visit.work_through(place.index)
    tidy, fitting = tidy_starts(free, work, question.rules.policy), _fitting(free, work)
    # Who is not free for all of their work is kept by that in another seat, and not by a gap in this one.
    elsewhere = _stretches(starts, subtract(windows, fitting))
    ends_here = _stretches(starts, intersect(windows, fitting))
    positions = (position for stretch in ends_here for position in range(*stretch))
    return elsewhere + [(position, position + 1) for position in positions if starts[position] in tidy]


def _stretches(starts: Sequence[int], windows: IntervalSet) -> list[Interval]:
    return [(bisect_left(starts, low), bisect_left(starts, high)) for low, high in windows]


def _start_windows(question: Question, place: Place, unit: UUID, within: Interval) -> IntervalSet:
    """The visit starts at which this resource is free for all that the seat asks of it."""
    windows = clip(_fitting(question.free[unit], place.windows), *within)
    if place.seat.kind is Kind.STAFF:
        return subtract(windows, full_days_of(question.rules, unit, within))
    return windows


def _fitting(free: IntervalSet, windows: Sequence[Interval]) -> IntervalSet:
    """The starts around which all of these ranges are free."""
    fitting: IntervalSet | None = None
    for before, after in windows:
        shortest = after - before
        fits = tuple([(start - before, end - after + 1) for start, end in free if end - start >= shortest])
        fitting = fits if fitting is None else intersect(fitting, fits)
    return fitting or ()


def _crew(
    visit: Visit, deciders: Sequence[tuple[Group, list[tuple[int, Variant]]]], signature: Sequence[int]
) -> Crew | None:
    masks = iter(signature)
    chosen: dict[int, UUID] = {}
    feasible: dict[int, tuple[UUID, ...]] = {}
    choices: list[Choice | None] = [
        decide(group, {key: next(masks) for key in keys}) for group, keys in deciders
    ]
    for choice in choices:
        if choice is None:
            return None
        chosen |= choice.chosen
        feasible |= choice.feasible
    return Crew(visit, chosen, _staff_by_service(visit, feasible))


def _staff_by_service(visit: Visit, feasible: Mapping[int, tuple[UUID, ...]]) -> tuple[tuple[UUID, ...], ...]:
    """Who can be asked for, per service: those who can lead it, in the first of its people's seats."""
    leads: dict[int, tuple[UUID, ...]] = {}
    for index, seat in enumerate(visit.seats):
        if seat.kind is Kind.STAFF:
            leads.setdefault(seat.service_index, feasible[index])
    return tuple(leads.get(number, ()) for number in range(len(visit.services)))
