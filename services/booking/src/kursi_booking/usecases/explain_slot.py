"""Why a start is not offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from kursi_chassis.clock import Clock

from kursi_booking.domain.availability import Assignment, Rejection
from kursi_booking.domain.closing import (
    OF_WORKING_TIME,
    ClosedBy,
    ClosedPerson,
    Closing,
    Row,
    RowType,
)
from kursi_booking.domain.errors import CatalogUnavailable
from kursi_booking.domain.explanation import (
    Candidate,
    Explanation,
    by_person,
    explain_start,
    most_telling,
)
from kursi_booking.domain.policy import Party
from kursi_booking.domain.start_rule import Rule
from kursi_booking.domain.visit import Kind
from kursi_booking.ports.explaining import (
    CatalogWord,
    ClaimRows,
    SalonOffer,
    SalonOffers,
    UnitSpan,
    WorkingTimeRules,
)
from kursi_booking.ports.offers import Ask, FreeTimes
from kursi_booking.usecases.list_slots import free_times_of, openings_of
from kursi_booking.usecases.offer import starts_of
from kursi_booking.usecases.policy_rows import POLICY_FIELDS, policy_closing

Person = tuple[int, UUID]
"""Position of a service in the visit, and who performs it."""


@dataclass(frozen=True, slots=True)
class ExplainedSlot:
    """`found` is the start as it is offered, or empty; then `closing` and `people` say why.

    `is_placeable`: members of the salon can book it nevertheless.
    """

    start: int
    found: FreeTimes
    closing: Closing | None = None
    people: Sequence[ClosedPerson] = ()
    is_placeable: bool = False


class ExplainSlot:
    """The use case behind ExplainSlot. Whose time it is that closes a start, only members of the salon are told."""

    def __init__(self, offers: SalonOffers, rules: WorkingTimeRules, claims: ClaimRows, clock: Clock) -> None:
        self._offers = offers
        self._rules = rules
        self._claims = claims
        self._clock = clock

    async def __call__(self, ask: Ask) -> ExplainedSlot:
        """The first start of `ask`, explained. Raises: as `Offers.to_show`."""
        shown = await self._offers.to_explain(ask)
        start, _ = starts_of(ask)
        if shown.salon.is_live and (openings := openings_of(shown.offer, (start, start + 1))):
            return ExplainedSlot(start, free_times_of(shown.offer, openings[:1]))
        explanations = [explain_start(question, start) for question in shown.offer.questions]
        people = by_person(explanations)
        word = await self._word(shown, people)
        told = _Telling(shown, word, await self._rows(ask, people))
        closed = [ClosedPerson(*person, told.of_person(person, one)) for person, one in people.items()]
        answer = ExplainedSlot(
            start=start,
            found=replace(free_times_of(shown.offer, ()), stale=shown.offer.stale or word is None),
            closing=told.of_visit(most_telling(explanations), closed),
            people=sorted(closed, key=lambda one: one.service_index),
            is_placeable=any(one.is_placeable for one in explanations),
        )
        return answer if ask.party is Party.SALON else _for_public(answer)

    async def _word(self, shown: SalonOffer, people: Mapping[Person, Candidate]) -> CatalogWord | None:
        """What the catalog says of everybody who does not work then; None when it cannot be asked."""
        spans = [UnitSpan(one.unit_id, one.window) for one in people.values() if _is_off(one)]
        service_ids = list(dict.fromkeys(service.service_id for service in shown.offer.services))
        try:
            return await self._rules.explain_working_time(shown.salon.salon_id, spans, service_ids)
        except CatalogUnavailable:
            return None

    async def _rows(self, ask: Ask, people: Mapping[Person, Candidate]) -> Mapping[Person, Row | None]:
        """The claims that take people, for members of the salon."""
        taken = [(person, one) for person, one in people.items() if one.rule is Rule.TAKEN]
        if not taken or ask.party is not Party.SALON:
            return {}
        rows = await self._claims([UnitSpan(one.unit_id, one.window) for _, one in taken], self._clock.now())
        return {person: row for (person, _), row in zip(taken, rows, strict=True)}


class _Telling:
    """From the rules of the engine to what is told of them."""

    def __init__(
        self,
        shown: SalonOffer,
        word: CatalogWord | None,
        rows: Mapping[Person, Row | None],
    ) -> None:
        self._shown = shown
        self._word = word
        self._rows = rows
        self._catalog = iter(word.closings if word else ())

    def of_person(self, person: Person, candidate: Candidate) -> Closing | None:
        """What keeps somebody; asked of everybody once and in order, as the catalog was."""
        rule = candidate.rule
        if rule is None:
            return None
        if rule is Rule.OUTSIDE_WORKING_TIME:
            # The catalog may know better by now, and say that they work: then it is not known what closed the time.
            return next(self._catalog, None) or Closing(ClosedBy.OUTSIDE_WORKING_TIME)
        if rule in POLICY_FIELDS:
            return self._policy(rule)
        return Closing(ClosedBy.TAKEN, self._rows.get(person))

    def of_visit(self, explanation: Explanation, people: Sequence[ClosedPerson]) -> Closing:
        """What closes the start for the visit as a whole."""
        if not self._shown.salon.is_live:
            return Closing(ClosedBy.SALON_NOT_LIVE, Row(RowType.SALON, str(self._shown.salon.salon_id)))
        rule = _rule_of(explanation)
        if rule in POLICY_FIELDS:
            return self._policy(rule)
        group = next(group for group, closed in explanation.short_groups() if closed is rule)
        seat = group.seats[0][1]
        if seat.kind is Kind.RESOURCE:
            return self._resource(rule, seat.pool)
        if rule is Rule.NO_PERFORMER:
            short = next((seat for _, seat in group.seats if not seat.eligible), seat)
            service = self._shown.offer.services[short.service_index]
            return Closing(ClosedBy.NO_PERFORMER, Row(RowType.SERVICE, str(service.service_id)))
        return _common(ClosedBy[rule.name], people)

    def _policy(self, rule: Rule) -> Closing:
        return policy_closing(rule, self._shown, self._word.sources if self._word else {})

    def _resource(self, rule: Rule, kind: str) -> Closing:
        units = self._shown.salon.resources.get(kind, ())
        told = ClosedBy.RESOURCES_TAKEN if rule is Rule.TAKEN else ClosedBy.NOT_ENOUGH_RESOURCES
        return Closing(told, Row(RowType.RESOURCE_KIND, kind, value=str(len(units))), {"kind": kind})


def _common(rule: ClosedBy, people: Sequence[ClosedPerson]) -> Closing:
    """The rule, more exactly where everybody who is closed is closed by the same row of it: what keeps somebody may be
    another one than what keeps the visit, where others are free for parts of it.
    """
    closings = [one.closing for one in people if one.closing is not None]
    same = bool(closings) and all(
        (one.rule, one.row) == (closings[0].rule, closings[0].row) for one in closings
    )
    return closings[0] if same and _rule_in_general(closings[0].rule) is rule else Closing(rule)


def _rule_in_general(rule: ClosedBy) -> ClosedBy:
    return ClosedBy.OUTSIDE_WORKING_TIME if rule in OF_WORKING_TIME else rule


def _rule_of(explanation: Explanation) -> Rule:
    verdict: Assignment | Rejection = explanation.verdict
    if isinstance(verdict, Rejection):
        return verdict.rule
    message = "a start that is not listed has a rule against it"
    raise AssertionError(message)


def _is_off(candidate: Candidate) -> bool:
    return candidate.rule is Rule.OUTSIDE_WORKING_TIME


def _for_public(answer: ExplainedSlot) -> ExplainedSlot:
    people = [replace(one, closing=one.closing.for_public()) if one.closing else one for one in answer.people]
    return replace(answer, closing=answer.closing.for_public() if answer.closing else None, people=people)
