"""Which rule keeps somebody from working at a time, and the row behind it.

`STEPS` asks the rules one at a time, those of the whole salon and those that win over others first; each step reads
the intervals of `schedule` that working time is resolved from. Somebody works throughout a span exactly when no
step closes it. A new rule is a member of `ClosedBy` and a step.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import Enum
from functools import cached_property
from uuid import UUID

from kursi_chassis.intervals import Interval, IntervalSet, subtract

from kursi_catalog.domain.schedule import (
    SalonSchedule,
    StaffSchedule,
    TimeOff,
    WeeklyRange,
    days_that_reach,
    open_intervals,
    prayer_intervals,
    rostered_intervals,
    weekly_intervals,
)


class ClosedBy(Enum):
    """What can close working time, in the order in which it is looked at."""

    CLOSURE = "closure"
    OPENING_HOURS = "opening_hours"
    OPENING_BREAK = "opening_break"
    PRAYER_BREAK = "prayer_break"
    TIME_OFF = "time_off"
    OVERRIDE = "override"
    ROSTER = "roster"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Closing:
    """The rule, the row behind it, the local date it closes, and from when until when, where that is one stretch."""

    rule: ClosedBy
    row_id: UUID
    day: date
    during: Interval | None = None


@dataclass(frozen=True)
class Situation:
    """A span throughout which somebody would have to work, and all rules that count then. (No slots, for the caches.)

    `closures` are those that the salon keeps as instants; the member's times off have the ids of their rows.
    """

    salon_id: UUID
    salon: SalonSchedule
    closures: Sequence[TimeOff]
    member: StaffSchedule
    span: Interval

    @cached_property
    def days(self) -> Sequence[date]:
        """The local dates whose ranges can touch the span."""
        return days_that_reach(self.salon.zone, self.span)

    def day_of(self, moment: int) -> date:
        """The local date of an instant."""
        return datetime.fromtimestamp(moment, UTC).astimezone(self.salon.zone).date()


Step = Callable[[Situation], Closing | None]


def closing_of(situation: Situation) -> Closing | None:
    """The first rule that closes any of the span; None when they work throughout."""
    return next((closing for step in STEPS if (closing := step(situation)) is not None), None)


def by_closure(situation: Situation) -> Closing | None:
    """The salon is closed, whatever anybody's hours say."""
    return _first_absence(situation, ClosedBy.CLOSURE, situation.closures)


def by_opening_hours(situation: Situation) -> Closing | None:
    """The weekly hours do not have the salon open, or have a break."""
    zone, hours = situation.salon.zone, situation.salon.hours
    open_time = open_intervals(situation.salon, situation.days)
    moment = _first_outside(situation.span, open_time)
    if moment is None:
        return None
    in_break = _covers(weekly_intervals(zone, _unbroken(hours), situation.days), moment)
    rule = ClosedBy.OPENING_BREAK if in_break else ClosedBy.OPENING_HOURS
    return Closing(rule, situation.salon_id, situation.day_of(moment), _gap(open_time, moment))


def by_prayer_break(situation: Situation) -> Closing | None:
    """The salon breaks off for prayer."""
    breaks = prayer_intervals(situation.salon, situation.days)
    met = next((one for one in breaks if _meets(one, situation.span)), None)
    if met is None:
        return None
    day = situation.day_of(max(met[0], situation.span[0]))
    return Closing(ClosedBy.PRAYER_BREAK, situation.salon_id, day, met)


def by_time_off(situation: Situation) -> Closing | None:
    """They are away."""
    return _first_absence(situation, ClosedBy.TIME_OFF, situation.member.time_off)


def by_roster(situation: Situation) -> Closing | None:
    """They are not down for that time: by the override of a date, by a break, or because there is no shift."""
    zone, member = situation.salon.zone, situation.member
    rostered = rostered_intervals(zone, member, situation.days)
    moment = _first_outside(situation.span, rostered)
    if moment is None:
        return None
    overridden = _overridden_date(situation, moment)
    if overridden is not None:
        return Closing(ClosedBy.OVERRIDE, member.staff_id, overridden)
    shifts = weekly_intervals(zone, _unbroken(member.shifts), situation.days)
    rule = ClosedBy.BREAK if _covers(shifts, moment) else ClosedBy.ROSTER
    return Closing(rule, member.staff_id, situation.day_of(moment), _gap(rostered, moment))


STEPS: tuple[Step, ...] = (by_closure, by_opening_hours, by_prayer_break, by_time_off, by_roster)


def _overridden_date(situation: Situation, moment: int) -> date | None:
    """The date whose override is to blame: that of the moment, or one before, whose usual shift would last until then."""
    overridden = {override.day for override in situation.member.overrides}
    day = situation.day_of(moment)
    if day in overridden:
        return day
    usual = situation.member.shifts
    return next(
        (
            earlier
            for earlier in situation.days
            if earlier in overridden
            and _covers(weekly_intervals(situation.salon.zone, usual, [earlier]), moment)
        ),
        None,
    )


def _first_absence(situation: Situation, rule: ClosedBy, absences: Iterable[TimeOff]) -> Closing | None:
    met = [one for one in absences if _meets(one.during, situation.span)]
    if not met:
        return None
    first = min(met, key=lambda one: one.during)
    day = situation.day_of(max(first.during[0], situation.span[0]))
    return Closing(rule, first.rule_id, day, first.during)


def _first_outside(span: Interval, intervals: IntervalSet) -> int | None:
    missing = subtract((span,), intervals)
    return missing[0][0] if missing else None


def _gap(intervals: IntervalSet, moment: int) -> Interval | None:
    """The stretch between two intervals in which a moment lies; None where one of them is not known."""
    before = [end for _, end in intervals if end <= moment]
    after = [start for start, _ in intervals if start > moment]
    return (before[-1], after[0]) if before and after else None


def _unbroken(ranges: Sequence[WeeklyRange]) -> Sequence[WeeklyRange]:
    return [replace(one, breaks=()) for one in ranges]


def _covers(intervals: IntervalSet, moment: int) -> bool:
    return any(start <= moment < end for start, end in intervals)


def _meets(one: Interval, other: Interval) -> bool:
    return one[0] < other[1] and other[0] < one[1]
