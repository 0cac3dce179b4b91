"""The slot engine against brute force: every start, every way to staff it."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from brute_force import CELL, DAYS, Oracle, Salon
from kursi_booking.domain.availability import (
    Assignment,
    Rejection,
    check_placement,
    check_start,
    find_openings,
    first_opening,
)
from kursi_booking.domain.claims import claims_of
from kursi_booking.domain.month import bookable_days


def expected_openings(salon, oracle):
    openings = {}
    for cell in range(*salon.range):
        if oracle.allows(cell) and (found := oracle.feasible(cell)):
            openings[cell] = [leads(found, number) for number in range(len(salon.services))]
    return openings


def leads(found, service):
    """Everybody who leads a service in one of the ways to staff the visit."""
    return {
        unit for *_, seats in found for number, pool, unit in seats if (number, pool) == (service, "stylist")
    }


def staffing(assignment):
    return {(use.service_index, use.pool, use.resource_id) for use in assignment.uses}


def check_listing(salon, oracle, question, openings):
    expected = expected_openings(salon, oracle)
    assert {opening.start // CELL: [set(team) for team in opening.staff] for opening in openings} == expected
    assert all(opening.end - opening.start == oracle.length * CELL for opening in openings)
    first = first_opening(question, salon.range[0] * CELL, salon.range[1] * CELL)
    assert first == (openings[0] if openings else None)


def check_assignments(salon, oracle, openings):
    for opening in salon.rnd.sample(openings, min(2, len(openings))):
        found = [seats for *_, seats in oracle.feasible(opening.start // CELL)]
        assert staffing(opening.assignment) in found
        claims = claims_of(opening.assignment)
        assert list(claims) == sorted(claims, key=lambda claim: (claim.resource_id, claim.during))
        assert not any(
            a.resource_id == b.resource_id and a.during.overlaps(b.during) for a, b in pairwise(claims)
        )
        for claim in claims:
            start, end = claim.during.epoch
            assert salon.free[claim.resource_id].issuperset(range(start // CELL, end // CELL))


def sample_of(salon, offered):
    return {
        *(start // CELL for start in salon.rnd.sample(sorted(offered), min(1, len(offered)))),
        *salon.rnd.choices([cell for cell in salon.cells if cell in range(*salon.range)], k=1),
    }


def check_single_starts(salon, oracle, question, openings):
    offered = {opening.start: opening.assignment for opening in openings}
    for cell in sample_of(salon, offered):
        answer = check_start(question, cell * CELL)
        assert answer == offered.get(cell * CELL, answer)
        assert isinstance(answer, Assignment) == (cell * CELL in offered)
        by_staff = check_placement(question, cell * CELL)
        assert isinstance(by_staff, Rejection) == (not oracle.placeable(cell))


def check_month(salon, question, openings):
    """The days of the range, each with what the oracle's listing has on it."""
    window = salon.range[0] * CELL, salon.range[1] * CELL
    starts = {}
    for opening in openings:
        starts.setdefault(salon.wall[opening.start // CELL][0], []).append(opening.start)
    assert {
        day: (count, first) for day, count, first in bookable_days([question], ZoneInfo(salon.zone), window)
    } == {
        day: (len(starts.get(day, ())), min(starts.get(day, ()), default=None))
        for day in {salon.wall[cell][0] for cell in range(*salon.range)}
    }


@pytest.mark.covers("B1", "B2", "B4")
@pytest.mark.parametrize("batch", range(10))
def test_two_thousand_random_salons_agree_with_brute_force(batch):
    for seed in range(batch * 200, batch * 200 + 200):
        salon = Salon(seed)
        oracle, question = Oracle(salon), salon.question()
        openings = find_openings(question, salon.range[0] * CELL, salon.range[1] * CELL)
        check_listing(salon, oracle, question, openings)
        check_assignments(salon, oracle, openings)
        check_single_starts(salon, oracle, question, openings)
        check_month(salon, question, openings)


def test_the_random_salons_offer_times_in_every_kind_of_day():
    offered = {
        DAYS[seed % len(DAYS)]
        for seed in range(120)
        for salon in [Salon(seed)]
        if find_openings(salon.question(), salon.range[0] * CELL, salon.range[1] * CELL)
    }
    assert offered == set(DAYS)
