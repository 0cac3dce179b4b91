from datetime import UTC, datetime
from itertools import permutations
from uuid import UUID

import pytest
from kursi_booking.domain.fair_choice import Workload, by_fairness

FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))
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


@pytest.mark.covers("B7")
def test_a_thousand_bookings_are_shared_by_presence():
    present = {FIRST: 1000, SECOND: 1000, THIRD: 500}
    booked = dict.fromkeys(present, 0)
    for _ in range(1000):
        chosen = by_fairness([Workload(person, booked[person], present[person]) for person in present])[0]
        booked[chosen] += 30
    assert booked == {FIRST: 12_000, SECOND: 12_000, THIRD: 6_000}
