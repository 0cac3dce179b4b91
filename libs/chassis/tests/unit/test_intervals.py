from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_chassis.intervals import clip, intersect, merged, subtract

POINTS = st.integers(0, 40)
RAW = st.lists(st.tuples(POINTS, POINTS), max_size=8)


def points(intervals):
    return {point for start, end in intervals for point in range(start, end)}


def is_a_set(intervals):
    ends = [boundary for interval in intervals for boundary in interval]
    return all(left < right for left, right in pairwise(ends))


@settings(max_examples=200, deadline=None)
@given(RAW, RAW, POINTS, POINTS)
def test_the_algebra_equals_sets_of_points(raw_left, raw_right, low, high):
    left, right = merged(raw_left), merged(raw_right)
    answers = {
        "merged": (left, points(raw_left)),
        "intersect": (intersect(left, right), points(left) & points(right)),
        "subtract": (subtract(left, right), points(left) - points(right)),
        "clip": (clip(left, low, high), points(left) & set(range(low, high))),
    }
    assert {name: points(answer) for name, (answer, _) in answers.items()} == {
        name: expected for name, (_, expected) in answers.items()
    }
    assert all(is_a_set(answer) for answer, _ in answers.values())
