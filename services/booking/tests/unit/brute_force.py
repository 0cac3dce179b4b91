"""Random salons, and what they offer by brute force: every start, every way to staff it, cell by cell.

A cell is 15 minutes. The oracle knows neither intervals nor masks nor offsets: it reads a wall clock for each cell,
tries every combination of people and things, and looks at every cell that the combination needs.
"""

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_booking.domain.availability import Question, Supply
from kursi_booking.domain.start_rule import (
    Counters,
    Limits,
    Rule,
    SlotRules,
    StartMode,
    StartPolicy,
    StartRules,
)
from kursi_booking.domain.visit import Kind, RequestedService, Requirement, Segment, Visit

CELL = 900
DAYS = [
    ("Europe/Berlin", datetime(2026, 3, 29)),
    ("Europe/Berlin", datetime(2026, 10, 25)),
    ("America/New_York", datetime(2026, 3, 8)),
    ("America/New_York", datetime(2026, 11, 1)),
    ("Asia/Riyadh", datetime(2026, 3, 29)),
    ("Asia/Riyadh", datetime(2026, 11, 1)),
]
STAFF = [UUID(int=number) for number in (3, 1, 2)]
CHAIRS = [UUID(int=number) for number in (12, 11, 13)]


@cache
def wall(zone, day):
    """cell -> (local date, cells since that date began, local minutes) for the day before, the day and the next."""
    first = int((day.replace(tzinfo=UTC) - timedelta(days=1, hours=14)).timestamp()) // CELL
    table, midnight, previous = {}, None, None
    for cell in range(first, first + 4 * 96 + 56):
        local = datetime.fromtimestamp(cell * CELL, UTC).astimezone(ZoneInfo(zone))
        if previous is not None and local.date() != previous:
            midnight = cell
        previous = local.date()
        if midnight is not None:
            table[cell] = (local.date(), cell - midnight, local.hour * 60 + local.minute)
    return table


class Salon:
    """A small random salon with a random question to it, in the words of the oracle (cells)."""

    def __init__(self, seed):
        self.rnd = rnd = random.Random(seed)
        self.zone, self.day = DAYS[seed % len(DAYS)]
        self.wall = wall(self.zone, self.day)
        self.cells = [cell for cell, (date, _, _) in self.wall.items() if date == self.day.date()]
        self.range = self.cells[0] + rnd.choice([0, 0, 5]), self.cells[-1] + rnd.choice([1, 1, -3, 20])
        self.units = STAFF[: rnd.randint(1, 3)] + CHAIRS[: rnd.randint(1, 3)]
        self.working = {unit: self.shift() for unit in self.units}
        self.busy = {unit: [self.claim() for _ in range(rnd.choice([0, 1, 2, 4]))] for unit in self.units}
        self.free = {
            unit: self.working[unit] - {cell for start, end in self.busy[unit] for cell in range(start, end)}
            for unit in self.units
        }
        self.services = [self.service() for _ in range(rnd.choice([1, 1, 1, 1, 1, 2, 2, 3]))]
        self.step = rnd.choice([1, 2, 3, 4])
        self.anchor = rnd.choice([0, 0, 1])
        self.gap_free = rnd.random() < 0.25
        self.shortest = rnd.choice([2, 4])
        self.now = self.cells[0] + rnd.randint(-60, 30)
        self.notice = rnd.choice([0, 0, 8, 40])
        self.ahead = rnd.choice([60, 100, 400])
        self.set_limits()

    def set_limits(self):
        rnd, date = self.rnd, self.day.date()
        self.limits = Limits(
            active_per_customer=rnd.choice([None, None, 3]),
            per_day=rnd.choice([None, None, 5]),
            per_staff_day=rnd.choice([None, 2]),
        )
        self.counters = Counters(
            customer_active=rnd.choice([0, 2, 3]),
            by_day={date: rnd.choice([4, 5, 0])},
            by_staff_day={(unit, date): rnd.choice([0, 1, 2]) for unit in STAFF},
        )

    def shift(self):
        start = self.rnd.choice([0, 60, 120, 150, 480, 540, 600])
        end = min(start + self.rnd.choice([180, 300, 540]), 1440)
        pause = self.rnd.choice([range(0), range(start + 120, start + 165)])
        return {
            cell
            for cell, (_, _, minute) in self.wall.items()
            if start <= minute < end and minute not in pause
        }

    def claim(self):
        start = self.rnd.choice(self.cells)
        return start, start + self.rnd.randint(1, 5)

    def service(self):
        rnd = self.rnd

        def need(pool, count=1):
            kind = Kind.RESOURCE if pool == "chair" else Kind.STAFF
            return kind, pool, count, rnd.choice([0, 0, 1, 2]), rnd.choice([0, 0, 1])

        pools = {"stylist": self.some(STAFF), "helper": self.some(STAFF), "chair": self.some(CHAIRS)}
        chairs = rnd.choice([1, 1, 1, 2])
        segments = rnd.choice(
            [
                [(rnd.randint(1, 4), [need("stylist")])],
                [(rnd.randint(1, 4), [need("stylist")])],
                [(rnd.randint(1, 4), [need("stylist"), need("chair", chairs)])],
                [
                    (2, [need("stylist"), need("chair")]),
                    (2, [need("chair", chairs)]),
                    (1, [need("stylist"), need("chair")]),
                ],
                [(1, [need("stylist")]), (2, []), (1, [need("stylist")])],
                [(2, [need("stylist"), need("helper")])],
                [(2, [need("chair")])],
            ]
        )
        return segments, pools

    def some(self, units):
        here = [unit for unit in units if unit in self.units]
        return tuple(self.rnd.sample(here, self.rnd.randint(1, len(here))))

    @property
    def on_grid(self):
        """Gaps are those of a person's day: without anybody in the visit its starts are on the grid all the same."""
        needs = (need for segments, _ in self.services for _, needs in segments for need in needs)
        return not self.gap_free or all(need[0] is Kind.RESOURCE for need in needs)

    def question(self):
        visit = Visit(
            tuple(
                RequestedService(
                    service_id=UUID(int=99),
                    segments=tuple(
                        Segment(
                            length * CELL,
                            tuple(
                                Requirement(k, p, n, before * CELL, after * CELL)
                                for k, p, n, before, after in needs
                            ),
                        )
                        for length, needs in segments
                    ),
                    eligible=pools,
                )
                for segments, pools in self.services
            )
        )
        supply = Supply(
            working={
                unit: [(cell * CELL, cell * CELL + CELL) for cell in cells]
                for unit, cells in self.working.items()
            },
            busy={
                unit: [(start * CELL, end * CELL) for start, end in claims]
                for unit, claims in self.busy.items()
            },
        )
        policy = StartPolicy(
            zone=ZoneInfo(self.zone),
            rules=SlotRules(self.step * CELL, self.notice * CELL, self.ahead * CELL),
            anchor_minute=self.anchor * 15,
            mode=StartMode.GAP_FREE if self.gap_free else StartMode.GRID,
            shortest=self.shortest * CELL,
        )
        return Question(visit, supply, StartRules(policy, self.now * CELL, self.limits, self.counters))


class Oracle:
    def __init__(self, salon):
        self.salon = salon
        self.combinations = list(self.staffings())

    def staffings(self):
        """Every way to fill the seats: (people per service, [(unit, first cell, last cell)], lead's work)."""
        salon = self.salon
        seats = []  # (service, kind, group, pool, number, uses)
        offset = 0
        for number, (segments, _) in enumerate(salon.services):
            mine = {}
            for length, needs in segments:
                for kind, pool, count, before, after in needs:
                    for seat in range(count):
                        mine.setdefault((kind, pool, seat), []).append(
                            (offset, offset + length, before, after, number)
                        )
                offset += length
            seats += [
                (number, kind, "staff" if kind is Kind.STAFF else pool, pool, uses)
                for (kind, pool, _), uses in mine.items()
            ]
        self.length = offset
        crowded = {a[2] for i, a in enumerate(seats) for b in seats[:i] if (a[0], a[2]) == (b[0], b[2])}
        options = [salon.services[number][1][pool] for number, _, _, pool, _ in seats]
        for units in product(*options):
            filled = list(zip(seats, units, strict=True))
            same_service = [(seat[0], unit) for seat, unit in filled]
            if len(set(same_service)) == len(same_service):
                yield self.needs(filled, crowded)

    def needs(self, filled, crowded):
        windows, lead = [], None
        for seat, unit in filled:
            number, kind, group, _, uses = seat
            touching = [
                use
                for other, same in filled
                if same == unit and (other[0] == number or group not in crowded)
                for use in other[4]
            ]
            windows += [(unit, *self.padded(use, touching), number) for use in uses]
            if lead is None and kind is Kind.STAFF:
                lead = self.work(unit, uses, touching)
        people = [
            {unit for seat, unit in filled if seat[0] == number and seat[1] is Kind.STAFF}
            for number in range(len(self.salon.services))
        ]
        return people, windows, lead, {(seat[0], seat[3], unit) for seat, unit in filled}

    def work(self, unit, uses, touching):
        """When somebody is at work from their first use on, through the pauses of services, and the service it ends in."""
        chain = [uses[0]]
        while following := [
            use
            for use in sorted(touching)
            if use[0] == chain[-1][1] or (use[0] > chain[-1][1] and use[4] == chain[-1][4])
        ]:
            chain.append(following[0])
        return unit, [self.padded(use, touching) for use in chain], chain[-1][4]

    def padded(self, use, touching):
        start, end, before, after, _ = use
        first = start - (0 if any(other[1] == start for other in touching) else before)
        return first, end + (0 if any(other[0] == end for other in touching) else after)

    def allows(self, start):
        salon = self.salon
        limits, counters, date = salon.limits, salon.counters, salon.wall[start][0]
        return (
            (limits.active_per_customer is None or counters.customer_active < limits.active_per_customer)
            and start - salon.now >= salon.notice
            and start - salon.now <= salon.ahead
            and (limits.per_day is None or counters.by_day.get(date, 0) < limits.per_day)
            and (not salon.on_grid or (salon.wall[start][1] - salon.anchor) % salon.step == 0)
        )

    def works(self, combination, start, *, gap_free):
        people, windows, lead, _ = combination
        salon = self.salon
        limit, counts, date = salon.limits.per_staff_day, salon.counters.by_staff_day, salon.wall[start][0]
        return (
            all(
                salon.free[unit].issuperset(range(start + first, start + last))
                for unit, first, last, _ in windows
            )
            and (
                limit is None or all(counts.get((unit, date), 0) < limit for team in people for unit in team)
            )
            and (not gap_free or self.is_tidy(lead, start))
        )

    def is_tidy(self, lead, start):
        unit, ranges, _ = lead
        (first, *_), (*_, last) = ranges[0], ranges[-1]
        free, left, right = self.salon.free[unit], 0, 0
        if not all(free.issuperset(range(start + begin, start + end)) for begin, end in ranges):
            return True  # that is another rule's affair
        while start + first - left - 1 in free:
            left += 1
        while start + last + right in free:
            right += 1
        if left == 0 or right == 0:
            return True
        return left % self.salon.step == 0 and min(left, right) >= self.salon.shortest

    def first_rule(self, start):
        """The first rule that closes a start for the visit, each rule looked at by itself; None when it is offered."""
        salon, limits, (date, since, _) = self.salon, self.salon.limits, self.salon.wall[start]
        most, counts = limits.active_per_customer, salon.counters
        if most is not None and counts.customer_active >= most:
            return Rule.CUSTOMER_LIMIT
        if start < salon.now + salon.notice:
            return Rule.TOO_SOON
        if start > salon.now + salon.ahead:
            return Rule.TOO_FAR_AHEAD
        if limits.per_day is not None and counts.by_day.get(date, 0) >= limits.per_day:
            return Rule.DAY_FULL
        if salon.on_grid and (since - salon.anchor) % salon.step:
            return Rule.OFF_GRID
        return self.first_rule_of(self.combinations, start)

    def first_rule_of(self, combinations, start, service=None, unit=None):
        """The last rule that the best combination fails at; of one person only what they do in one service counts."""
        order = (Rule.OUTSIDE_WORKING_TIME, Rule.TAKEN, Rule.STAFF_DAY_FULL, Rule.LEAVES_GAP)
        passed = [self.passes(one, start, service, unit) for one in combinations]
        reached = max((next((i for i, ok in enumerate(row) if not ok), 4) for row in passed), default=None)
        return None if reached == 4 else order[reached] if reached is not None else "NOBODY"

    def passes(self, combination, start, service, unit):
        people, windows, lead, _ = combination
        salon, (date, _, _) = self.salon, self.salon.wall[start]
        mine = [
            (one, range(start + first, start + last))
            for one, first, last, number in windows
            if unit is None or (one == unit and number == service)
        ]
        limit, counts = salon.limits.per_staff_day, salon.counters.by_staff_day
        whom = set().union(*people) if unit is None else {unit}
        ends_work = unit is None or (lead is not None and (unit, service) == (lead[0], lead[2]))
        return (
            all(salon.working[one].issuperset(cells) for one, cells in mine),
            all(salon.free[one].issuperset(cells) for one, cells in mine),
            limit is None or all(counts.get((one, date), 0) < limit for one in whom),
            salon.on_grid or not ends_work or self.is_tidy(lead, start),
        )

    def feasible(self, start):
        return [c for c in self.combinations if self.works(c, start, gap_free=not self.salon.on_grid)]

    def placeable(self, start):
        """The ways in which members of the salon may book a start, whatever gaps it leaves."""
        return [c for c in self.combinations if self.works(c, start, gap_free=False)]
