"""At which moments a visit may start at all, before anybody asks who is free.

Every rule answers the same way, with the starts it allows in a window, so that a list of free times and the
check of one start are the same code. Times are epoch seconds; ranges are half-open.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval, IntervalSet, clip, intersect, subtract

DAY = 86_400


class StartMode(Enum):
    """How starts are laid out: on a grid of the local day, or so that no unusable gap is left."""

    GRID = "grid"
    GAP_FREE = "gap_free"


@dataclass(frozen=True, slots=True)
class SlotRules:
    """Per service: step of the starts, least notice, and how far ahead, in seconds; until which minute of the local
    day visits start, None for any; and how starts are laid out.
    """

    step: int
    min_notice: int
    max_ahead: int
    latest_minute: int | None = None
    mode: StartMode = StartMode.GRID


def strictest(rules: Sequence[SlotRules]) -> SlotRules:
    """The rules of a visit with several services: coarsest step, longest notice, nearest horizon, earliest latest
    start, and no gaps where one of them asks for that.
    """
    if len(rules) == 1:
        return rules[0]
    latest = [rule.latest_minute for rule in rules if rule.latest_minute is not None]
    gap_free = any(rule.mode is StartMode.GAP_FREE for rule in rules)
    return SlotRules(
        step=max(rule.step for rule in rules),
        min_notice=max(rule.min_notice for rule in rules),
        max_ahead=min(rule.max_ahead for rule in rules),
        latest_minute=min(latest, default=None),
        mode=StartMode.GAP_FREE if gap_free else StartMode.GRID,
    )


@dataclass(frozen=True, slots=True)
class StartPolicy:
    """The salon's way of offering starts.

    The grid counts `rules.step` absolute seconds from `anchor_minute` after each local midnight. With gap-free
    starts, what remains before or after must be nothing or at least `shortest` seconds, the shortest thing that the
    salon sells.
    """

    zone: ZoneInfo
    rules: SlotRules
    anchor_minute: int = 0
    mode: StartMode = StartMode.GRID
    shortest: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many bookings are too many; None means any number. Days are local dates of the visit's start."""

    active_per_customer: int | None = None
    per_day: int | None = None
    per_staff_day: int | None = None

    @property
    def of_days(self) -> bool:
        """Whether any day can be full."""
        return self.per_day is not None or self.per_staff_day is not None


def lowest(limits: Sequence[Limits]) -> Limits:
    """The limits of a visit with several services: the lowest of each."""
    if len(limits) == 1:
        return limits[0]
    return Limits(
        active_per_customer=_least(limit.active_per_customer for limit in limits),
        per_day=_least(limit.per_day for limit in limits),
        per_staff_day=_least(limit.per_staff_day for limit in limits),
    )


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


@dataclass(frozen=True, slots=True)
class Counters:
    """What counts against the limits now."""

    customer_active: int = 0
    by_day: Mapping[date, int] = field(default_factory=dict)
    by_staff_day: Mapping[tuple[UUID, date], int] = field(default_factory=dict)


class LocalDay(NamedTuple):
    """A local date and the instants between which it lasts: 23, 24 or 25 hours."""

    day: date
    start: int
    end: int


class Rule(Enum):
    """What can keep a start from being offered, in the order in which it is looked at."""

    CUSTOMER_LIMIT = "CUSTOMER_LIMIT"
    TOO_SOON = "TOO_SOON"
    TOO_FAR_AHEAD = "TOO_FAR_AHEAD"
    TOO_LATE_IN_DAY = "TOO_LATE_IN_DAY"
    DAY_FULL = "DAY_FULL"
    OFF_GRID = "OFF_GRID"
    NO_PERFORMER = "NO_PERFORMER"
    NOT_ENOUGH_RESOURCES = "NOT_ENOUGH_RESOURCES"
    OUTSIDE_WORKING_TIME = "OUTSIDE_WORKING_TIME"
    TAKEN = "TAKEN"
    STAFF_DAY_FULL = "STAFF_DAY_FULL"
    LEAVES_GAP = "LEAVES_GAP"


_ORDER = tuple(Rule)


def most_telling_rule(rules: Sequence[Rule]) -> Rule:
    """What is told of a visit that can be given in several ways, each of which a rule closes.

    One that only somebody else keeps from it says most, as it is told with other times. Else the best of the ways counts:
    the later a rule is looked at, the closer the visit is to being offered.
    """
    return Rule.TAKEN if Rule.TAKEN in rules else max(rules, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class StartRules:
    """Everything that decides about starts alone."""

    policy: StartPolicy
    now: int
    limits: Limits = Limits()
    counters: Counters = field(default_factory=Counters)


def within_customer_limit(rules: StartRules, window: Interval) -> IntervalSet:
    """Nothing at all once the customer has as many active bookings as allowed."""
    limit = rules.limits.active_per_customer
    return () if limit is not None and rules.counters.customer_active >= limit else (window,)


def with_enough_notice(rules: StartRules, window: Interval) -> IntervalSet:
    """From the least notice on, that instant included."""
    return clip((window,), max(window[0], rules.now + rules.policy.rules.min_notice), window[1])


def not_too_far_ahead(rules: StartRules, window: Interval) -> IntervalSet:
    """Up to the horizon, that instant included."""
    return clip((window,), window[0], min(window[1], rules.now + rules.policy.rules.max_ahead + 1))


def not_too_late_in_day(rules: StartRules, window: Interval) -> IntervalSet:
    """On each local day up to the latest time at which a visit starts, that minute included.

    Where the clocks show the time twice, the first one counts; one that they skip is taken forward.
    """
    latest = rules.policy.rules.latest_minute
    if latest is None:
        return (window,)
    zone = rules.policy.zone
    open_from = [(day.start, _moment(zone, day.day, latest) + 1) for day in local_days(zone, window)]
    return intersect((window,), open_from)


def on_days_with_room(rules: StartRules, window: Interval) -> IntervalSet:
    """Without the local days that have all the bookings they may have."""
    limit = rules.limits.per_day
    if limit is None:
        return (window,)
    full = [
        d[1:] for d in local_days(rules.policy.zone, window) if rules.counters.by_day.get(d.day, 0) >= limit
    ]
    return subtract((window,), full)


START_RULES: tuple[tuple[Rule, Callable[[StartRules, Interval], IntervalSet]], ...] = (
    (Rule.CUSTOMER_LIMIT, within_customer_limit),
    (Rule.TOO_SOON, with_enough_notice),
    (Rule.TOO_FAR_AHEAD, not_too_far_ahead),
    (Rule.TOO_LATE_IN_DAY, not_too_late_in_day),
    (Rule.DAY_FULL, on_days_with_room),
)


def full_days_of(rules: StartRules, staff_id: UUID, window: Interval) -> IntervalSet:
    """The local days on which this staff member has all the bookings they may have."""
    limit = rules.limits.per_staff_day
    if limit is None:
        return ()
    counts = rules.counters.by_staff_day
    return tuple(
        (start, end)
        for day, start, end in local_days(rules.policy.zone, window)
        if counts.get((staff_id, day), 0) >= limit
    )


def grid_starts(policy: StartPolicy, window: Interval) -> list[int]:
    """Grid points in the window: absolute steps from the anchor of each local day, one conversion per day."""
    step = policy.rules.step
    result: list[int] = []
    for _, day_start, day_end in local_days(policy.zone, window):
        anchor = day_start + policy.anchor_minute * 60
        low, high = max(window[0], day_start), min(window[1], day_end)
        result.extend(range(low + (anchor - low) % step, high, step))
    return result


def tidy_starts(free: Sequence[Interval], work: Sequence[Interval], policy: StartPolicy) -> set[int]:
    """Starts that leave no gap too short to sell in the free time of one staff member, before their work and after it.

    `work` are the padded ranges around a start at 0 in which they are busy; what they do in its pauses is their affair.
    Starts step from the beginning of each free range, plus the one whose work ends with it. Whether they are free in all
    of the ranges is not looked at.
    """
    (before, pause), (_, after), step = work[0], work[-1], policy.rules.step
    ends = [free_end for _, free_end in free]

    def room_after(start: int) -> int:
        """How long they are free when their work is over; less than nothing where it cannot end."""
        position = bisect_left(ends, start + after)
        return ends[position] - after - start if position < len(ends) else -1

    result: set[int] = set()
    for free_start, free_end in free:
        result.update((free_start - before, free_end - after))
        earliest = free_start - before + -(-policy.shortest // step) * step
        if len(work) == 1:
            result.update(range(earliest, free_end - after - policy.shortest + 1, step))
        else:
            stepped = range(earliest, free_end - pause + 1, step)
            result.update(start for start in stepped if room_after(start) >= policy.shortest)
    return result


def local_days(zone: ZoneInfo, window: Interval) -> list[LocalDay]:
    """The local days that the window touches."""
    if window[1] <= window[0]:
        return []
    day = datetime.fromtimestamp(window[0], UTC).astimezone(zone).date()
    result = [LocalDay(day, midnight(zone, day), midnight(zone, day + timedelta(days=1)))]
    while result[-1].end < window[1]:
        day += timedelta(days=1)
        result.append(LocalDay(day, result[-1].end, midnight(zone, day + timedelta(days=1))))
    return result


@lru_cache(maxsize=1 << 14)
def _moment(zone: ZoneInfo, day: date, minute: int) -> int:
    return int(datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone).timestamp())


@lru_cache(maxsize=1 << 14)
def midnight(zone: ZoneInfo, day: date) -> int:
    """The instant at which a local date begins: of two midnights the first, and where there is none, what follows it."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
