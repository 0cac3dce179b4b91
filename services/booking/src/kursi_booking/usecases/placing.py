"""From an offer and a start to the items and claims of a booking."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.ids import new_id
from kursi_chassis.intervals import clip, merged

from kursi_booking.domain.availability import (
    Assignment,
    Question,
    Rejection,
    check_placement,
    check_start,
)
from kursi_booking.domain.booking import Assistant, Item
from kursi_booking.domain.claims import Claim, claims_of
from kursi_booking.domain.errors import refusal
from kursi_booking.domain.fair_choice import Load, Workload, by_fairness
from kursi_booking.domain.policy import Party
from kursi_booking.domain.salon import STAFF_POOL
from kursi_booking.domain.start_rule import Rule, most_telling_rule
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.visit import Kind, RequestedService
from kursi_booking.ports.offers import Ask, Offer, OfferedService, Performer
from kursi_booking.ports.supply import DayRoom

MOST_ASKED = 50
"""How many people are tried, one after the other, when anybody will do and others are faster. Each is lost to somebody
who has booked them meanwhile, so a team of so many is asked down to its last member.
"""

Check = Callable[[Question, int], Assignment | Rejection]


@dataclass(frozen=True, slots=True)
class Placement:
    """A visit that fits: its items, the claims that it needs, and the room on its day if that can be full."""

    items: tuple[Item, ...]
    claims: tuple[Claim, ...]
    room: DayRoom | None


def check_for(party: Party) -> Check:
    """Customers keep all rules of the salon; the salon itself only has to find people and things free."""
    return check_start if party is Party.CUSTOMER else check_placement


def find_place(offer: Offer, ask: Ask, check: Check) -> Placement | None:
    """The visit at the first asked start, if it fits."""
    found = _first_that_fits(offer, ask, check)
    return found if isinstance(found, Placement) else None


def place(offer: Offer, ask: Ask, check: Check) -> Placement:
    """The visit at the first asked start.

    Raises: SlotTaken (without alternatives), NotBookable, TooManyBookings.
    """
    found = _first_that_fits(offer, ask, check)
    if isinstance(found, Placement):
        return found
    rule = most_telling_rule(found)
    raise refusal(rule, offer.questions[found.index(rule)].rules)


def _first_that_fits(offer: Offer, ask: Ask, check: Check) -> Placement | list[Rule]:
    """Or the rules against it, one for each question."""
    rules: list[Rule] = []
    for question in offer.questions:
        found = check(question, int(ask.first.timestamp()))
        if isinstance(found, Assignment):
            items = _items(offer, question, found)
            return Placement(items, claims_of(found), _room(offer, ask, found, check))
        rules.append(found.rule)
    return rules


def candidates(offer: Offer) -> list[UUID]:
    """The people among whom there is a choice; none where each service has one."""
    choices = [service.performers for service in offer.services if len(service.performers) > 1]
    return sorted({person for performers in choices for person in performers})


def fairly(offer: Offer, loads: Mapping[UUID, Load]) -> Offer:
    """The offer with its people in the order of whose turn it is, by what they work and have in the time compared."""
    workloads = [_workload(offer, person, loads.get(person)) for person in candidates(offer)]
    turn = {person: number for number, person in enumerate(by_fairness(workloads))}
    return replace(offer, questions=tuple(_fair(question, turn) for question in offer.questions))


def preferring(offer: Offer, people: Sequence[UUID | None]) -> Offer:
    """The offer with these people before all others, each for the service at their position; None for nobody."""

    def known(question: Question) -> int:
        services = zip(question.visit.services, people, strict=True)
        return sum(person in service.eligible[STAFF_POOL] for service, person in services)

    # Of several ways to share the services, those that leave them with more of these people are looked at first.
    ways = sorted(offer.questions, key=known, reverse=True)
    return replace(offer, questions=tuple(_preferring(question, people) for question in ways))


def _preferring(question: Question, people: Sequence[UUID | None]) -> Question:
    def before_others(service: RequestedService, person: UUID | None) -> RequestedService:
        staff = sorted(service.eligible[STAFF_POOL], key=lambda one: one != person)
        return replace(service, eligible={**service.eligible, STAFF_POOL: tuple(staff)})

    services = zip(question.visit.services, people, strict=True)
    return replace(
        question, visit=replace(question.visit, services=tuple(before_others(*each) for each in services))
    )


def _fair(question: Question, turn: Mapping[UUID, int]) -> Question:
    services = tuple(_in_turn(service, turn) for service in question.visit.services)
    return replace(question, visit=replace(question.visit, services=services))


def _in_turn(service: RequestedService, turn: Mapping[UUID, int]) -> RequestedService:
    def ranked(units: tuple[UUID, ...]) -> tuple[UUID, ...]:
        return tuple(sorted(units, key=lambda unit: turn.get(unit, len(turn))))

    return replace(service, eligible={pool: ranked(units) for pool, units in service.eligible.items()})


def _workload(offer: Offer, person: UUID, load: Load | None) -> Workload:
    first, last = offer.compared
    start = max(first, offer.joined.get(person, 0))
    working = merged(offer.questions[0].supply.working.get(person, ())) if offer.questions else ()
    present = clip(working, start, max(start, last))
    return Workload(
        person,
        booked_minutes=load.minutes if load else 0,
        worked_minutes=sum(end - start for start, end in present) // 60,
        last_booked_at=load.last_booked_at if load else None,
    )


def _items(offer: Offer, question: Question, assignment: Assignment) -> tuple[Item, ...]:
    offsets = question.visit.offsets
    return tuple(
        _item(
            service,
            assignment.staff_of(index),
            TimeRange.of_epoch(assignment.start + offsets[index], assignment.start + offsets[index + 1]),
        )
        for index, service in enumerate(offer.services)
    )


def _item(service: OfferedService, staff: Sequence[UUID], during: TimeRange) -> Item:
    # Nobody has to be there for a service that keeps only things busy; it still counts as its first performer's.
    leading, *others = staff or [next(iter(service.performers))]
    performer = service.performers[leading]
    return Item(
        item_id=new_id(),
        service_id=service.service_id,
        staff_id=performer.staff_id,
        during=during,
        price=performer.price,
        service_names=service.names,
        staff_names=performer.names,
        staff_user_id=performer.user_id,
        add_on_ids=service.add_on_ids,
        assistants=tuple(_assistant(service.performers[other]) for other in others),
    )


def _assistant(performer: Performer) -> Assistant:
    return Assistant(performer.staff_id, performer.names, performer.user_id)


def _room(offer: Offer, ask: Ask, assignment: Assignment, check: Check) -> DayRoom | None:
    """What has to be left of the day, for those who have to be there: as the offer looks at it."""
    limits = offer.questions[0].rules.limits
    if check is check_placement:
        # Where the rules about starts are not asked, the start was accepted before, however full its day is.
        limits = replace(limits, per_day=None)
    if not limits.of_days:
        return None
    zone = ZoneInfo(offer.salon.time_zone)
    day = ask.first.astimezone(zone).date()
    people = {use.resource_id for use in assignment.uses if use.kind is Kind.STAFF}
    return DayRoom(ask.salon_id, zone, day, sorted(people), limits, ask.own_booking)
