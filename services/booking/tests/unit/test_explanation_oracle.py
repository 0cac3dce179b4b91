"""What closes a start against brute force: each rule looked at by itself."""

import pytest
from brute_force import CELL, Oracle, Salon
from kursi_booking.domain.availability import Assignment, find_openings
from kursi_booking.domain.explanation import explain_start
from kursi_booking.domain.start_rule import Rule


def check_explanations(salon, oracle, question, openings):
    offered = {opening.start // CELL for opening in openings}
    for cell in salon.rnd.sample(range(*salon.range), 2):
        explained = explain_start(question, cell * CELL)
        rule = None if isinstance(explained.verdict, Assignment) else explained.verdict.rule
        assert (rule is None) == (cell in offered)
        expected = oracle.first_rule(cell)
        assert rule is expected or (expected == "NOBODY" and rule in NOBODY)
        check_candidates(oracle, cell, explained.candidates)


def check_candidates(oracle, cell, candidates):
    """Each person and thing by service and pool: kept by what the best way to use them there fails at."""
    found = {}
    for one in candidates:
        found.setdefault((one.seat.service_index, one.seat.pool, one.unit_id), set()).add(one.rule)
    for (service, pool, unit), rules in found.items():
        with_them = [one for one in oracle.combinations if (service, pool, unit) in one[3]]
        if with_them:
            last = None if None in rules else max(rules, key=list(Rule).index)
            assert last is oracle.first_rule_of(with_them, cell, service, unit)


NOBODY = (Rule.NO_PERFORMER, Rule.NOT_ENOUGH_RESOURCES)


@pytest.mark.covers("B3")
@pytest.mark.parametrize("batch", range(3))
def test_what_closes_a_time_for_a_visit_and_for_each_of_its_people_is_what_brute_force_finds(batch):
    for seed in range(batch * 200, batch * 200 + 200):
        salon = Salon(seed)
        oracle, question = Oracle(salon), salon.question()
        openings = find_openings(question, salon.range[0] * CELL, salon.range[1] * CELL)
        check_explanations(salon, oracle, question, openings)
