"""Algebra of half-open intervals on whole numbers.

A *set* here is a sequence of ``(start, end)`` with ``start < end``, sorted, neither overlapping nor touching.
Whole numbers (epoch seconds, usually) instead of datetimes: availability walks tens of thousands of
boundaries per request, and comparing two ``datetime`` costs several times as much as comparing two ``int``.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TypeAlias

Interval: TypeAlias = tuple[int, int]
IntervalSet: TypeAlias = tuple[Interval, ...]


def merged(intervals: Iterable[Interval]) -> IntervalSet:
    """The set that covers exactly what `intervals` cover; empty and inverted ones cover nothing."""
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return tuple(result)


def intersect(left: Sequence[Interval], right: Sequence[Interval]) -> IntervalSet:
    """What both sets cover."""
    result: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        left_start, left_end = left[i]
        right_start, right_end = right[j]
        start = max(left_start, right_start)
        end = min(left_end, right_end)
        if start < end:
            result.append((start, end))
        if left_end < right_end:
            i += 1
        else:
            j += 1
    return tuple(result)


def subtract(left: Sequence[Interval], right: Sequence[Interval]) -> IntervalSet:
    """What `left` covers and `right` does not."""
    if not right:
        return tuple(left)
    result: list[Interval] = []
    first = 0
    for interval_start, end in left:
        start = interval_start
        while first < len(right) and right[first][1] <= start:
            first += 1
        index = first
        while index < len(right) and right[index][0] < end:
            cut_start, cut_end = right[index]
            if start < cut_start:
                result.append((start, cut_start))
            start = cut_end
            index += 1
        if start < end:
            result.append((start, end))
    return tuple(result)


def clip(intervals: Sequence[Interval], start: int, end: int) -> IntervalSet:
    """The part of a set that lies in ``[start, end)``."""
    if start >= end:
        return ()
    first = bisect_right(intervals, start, key=itemgetter(1))
    last = bisect_left(intervals, end, lo=first, key=itemgetter(0))
    kept = list(intervals[first:last])
    if kept:
        kept[0] = max(start, kept[0][0]), kept[0][1]
        kept[-1] = kept[-1][0], min(end, kept[-1][1])
    return tuple(kept)
