import random
from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from kursi_booking.domain.fair_choice import Workload, by_fairness

FIRST, SECOND, THIRD, FOURTH = (UUID(int=number) for number in (1, 2, 3, 4))
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
TUESDAY = datetime(2026, 6, 2, tzinfo=UTC)


def test_whoever_is_furthest_behind_their_share_comes_first():
    assert by_fairness([Workload(FIRST, 300, 1000), Workload(SECOND, 100, 1000)]) == [SECOND, FIRST]


def test_a_joiner_is_compared_by_the_time_they_were_there():
    veteran, joiner = Workload(FIRST, 400, 4000), Workload(SECOND, 150, 1000)
    assert by_fairness([veteran, joiner]) == [FIRST, SECOND]


def test_equal_shares_go_to_the_least_recently_booked_and_then_by_id():
    people = [
        Workload(THIRD, 100, 1000, MONDAY),
        Workload(FIRST, 100, 1000, TUESDAY),
        Workload(SECOND, 100, 1000, MONDAY),
    ]
    assert {tuple(by_fairness(order)) for order in permutations(people)} == {(SECOND, THIRD, FIRST)}


def test_somebody_never_booked_goes_before_somebody_booked():
    assert by_fairness([Workload(FIRST, 0, 1000, MONDAY), Workload(SECOND, 0, 1000)]) == [SECOND, FIRST]


FULL_DAY, HALF_DAY, NOTHING = 480, 240, 0
# What each works on each of 28 days: always, half the day, since the second half of them, and but for a week away.
ROTA = {
    FIRST: [FULL_DAY] * 28,
    SECOND: [HALF_DAY] * 28,
    THIRD: [NOTHING] * 14 + [FULL_DAY] * 14,
    FOURTH: [FULL_DAY] * 10 + [NOTHING] * 7 + [FULL_DAY] * 11,
}


@pytest.mark.covers("B7")
@pytest.mark.parametrize("seed", range(5))
def test_of_a_thousand_visits_everybody_has_their_share_of_the_time_they_work(seed):
    days = random.Random(seed).choices(range(28), k=1000)
    booked = dict.fromkeys(ROTA, 0)
    for day in days:
        workloads = [Workload(person, booked[person], sum(ROTA[person])) for person in ROTA]
        chosen = next(person for person in by_fairness(workloads) if ROTA[person][day])
        booked[chosen] += 30
    work = sum(map(sum, ROTA.values()))
    shares = {person: 30_000 * sum(rota) / work for person, rota in ROTA.items()}
    assert booked == pytest.approx(shares, rel=0.1)
