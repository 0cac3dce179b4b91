"""Why a start is not offered: the verdict of `check_start`, and who of those who could serve is kept by what.

Nothing is decided here. Whether somebody is free for a seat is asked of the function that lists of free times ask,
with one rule after the other given up, so an explanation cannot tell another story than the list.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from kursi_chassis.intervals import Interval, merged, subtract

from kursi_booking.domain.availability import (
    Assignment,
    Place,
    Question,
    Rejection,
    check_placement,
    check_start,
    free_at,
    relaxed,
    why_group,
)
from kursi_booking.domain.crew import APART, Group, Variant
from kursi_booking.domain.start_rule import Rule, most_telling_rule
from kursi_booking.domain.visit import Kind, Seat

_RULES = tuple(Rule)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody or something that could fill a seat of the visit, and the first rule that keeps them from it.

    `window` is the padded range that the rule is about, or the whole seat when it is about no range in particular.
    """

    seat: Seat
    unit_id: UUID
    rule: Rule | None
    window: Interval


@dataclass(frozen=True)
class Explanation:
    """What a start is closed by. (No slots, for the cache.)"""

    question: Question
    start: int
    verdict: Assignment | Rejection

    @property
    def is_placeable(self) -> bool:
        """Whether people and things are free, whatever notice, horizon and grid say."""
        return isinstance(check_placement(self.question, self.start), Assignment)

    @cached_property
    def candidates(self) -> Sequence[Candidate]:
        """Everybody and everything that could serve, by seat and in the order of their rank."""
        return [
            self._candidate(group, position, unit)
            for group in self.question.groups
            for position, (_, seat) in enumerate(group.seats)
            for unit in seat.eligible
        ]

    def short_groups(self) -> Iterator[tuple[Group, Rule]]:
        """The groups of seats that cannot be filled, each with the first rule against it."""
        for group in self.question.groups:
            if (rule := why_group(self.question, group, self.start)) is not None:
                yield group, rule

    def _candidate(self, group: Group, position: int, unit: UUID) -> Candidate:
        variants = _variants_for(group, position, unit)
        index, seat = group.seats[position]
        places = [Place(index, seat, variant) for variant in variants]
        rule = self._why_not(places, unit)
        return Candidate(seat, unit, rule, self._window(places, unit, rule))

    def _why_not(self, places: Sequence[Place], unit: UUID) -> Rule | None:
        if self._is_free(self.question, places, unit):
            return None
        gave_way = (
            reason for easier, reason in relaxed(self.question) if self._is_free(easier, places, unit)
        )
        return next(gave_way, Rule.OUTSIDE_WORKING_TIME)

    def _is_free(self, question: Question, places: Sequence[Place], unit: UUID) -> bool:
        return any((0, 1) in free_at(question, place, unit, [self.start]) for place in places)

    def _window(self, places: Sequence[Place], unit: UUID, rule: Rule | None) -> Interval:
        """The first padded range of the seat that is not free, by the variant that asks for least."""
        windows = [(self.start + first, self.start + last) for first, last in places[-1].windows]
        working = merged(self.question.supply.working.get(unit, ()))
        free = working if rule is Rule.OUTSIDE_WORKING_TIME else self.question.free[unit]
        closed = (window for window in windows if window[0] < window[1] and subtract([window], free))
        return next(closed, (windows[0][0], windows[-1][1]))


def explain_start(question: Question, start: int) -> Explanation:
    """Why `find_openings` does or does not offer the start."""
    return Explanation(question, start, check_start(question, start))


def most_telling(explanations: Sequence[Explanation]) -> Explanation:
    """Of several ways to share the services: one that is offered, else one that fails for the most telling rule."""
    closed: dict[Rule, Explanation] = {}
    for one in explanations:
        if not isinstance(one.verdict, Rejection):
            return one
        closed.setdefault(one.verdict.rule, one)
    return closed[most_telling_rule(tuple(closed))]


def by_person(explanations: Sequence[Explanation]) -> dict[tuple[int, UUID], Candidate]:
    """People by service and id. Who appears several times, in different ways or seats, is judged by the best."""
    best: dict[tuple[int, UUID], Candidate] = {}
    for explanation in explanations:
        for candidate in explanation.candidates:
            key = candidate.seat.service_index, candidate.unit_id
            if candidate.seat.kind is Kind.STAFF and (
                key not in best or _progress(candidate) > _progress(best[key])
            ):
                best[key] = candidate
    return best


def _progress(candidate: Candidate) -> int:
    return len(_RULES) if candidate.rule is None else _RULES.index(candidate.rule)


def _variants_for(group: Group, position: int, unit: UUID) -> list[Variant]:
    """The variants that somebody can really be in, the one that asks for least time last: to go on from or to a
    neighbouring service they must perform that too, and to do without, somebody else must.
    """
    before = _ties_before(group, position, unit)
    goes_on = _ways_past(group, position, position + 1, unit)
    return [
        variant
        for variant in sorted(group.variants(position))
        if variant[0] in before and (variant[1] != APART) in goes_on
    ]


def _ties_before(group: Group, position: int, unit: UUID) -> set[int]:
    """What can tie somebody to the seat before."""
    ways = _ways_past(group, position - 1, position - 1, unit)
    ties = {APART} if False in ways else set()
    if True in ways:
        earlier = _ties_before(group, position - 1, unit)
        ties |= {group.tie_after(position - 1, before) for before in earlier}
    return ties


def _ways_past(group: Group, border: int, neighbour: int, unit: UUID) -> set[bool]:
    """Joined to the neighbouring seat or not, as far as each can happen; `border` is the left one of the two."""
    if not group.is_chain or not 0 <= neighbour < len(group.seats) or not group.joins(border):
        return {False}
    others = group.seats[neighbour][1].eligible
    joined = {True} if unit in others else set()
    return joined if others == (unit,) else joined | {False}
