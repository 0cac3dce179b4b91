"""One report of a salon."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final, Protocol
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.intervals import IntervalSet

from kursi_booking.domain.calendar import Utilisation
from kursi_booking.domain.report import (
    COLUMNS,
    Grouping,
    LocalDays,
    Names,
    Report,
    ReportName,
    ReportRow,
    WantedReport,
)
from kursi_booking.domain.salon import SalonContext
from kursi_booking.ports.supply import Catalog

_DAYS_PER_CALL: Final = 61
"""The catalog resolves working time for 62 days at once; one of them may have 25 hours."""
_HOUR: Final = 3_600

PerDay = Mapping[tuple[UUID, date], int]


class ReportNumbers(Protocol):
    """Numbers that the database adds up."""

    async def rows(self, wanted: WantedReport, days: LocalDays, grouping: Grouping) -> list[ReportRow]:
        """The lines of any report but utilisation, by key."""
        ...

    async def booked_seconds(self, wanted: WantedReport, days: LocalDays) -> PerDay:
        """How much of each day each person is booked."""
        ...

    async def names(self, grouping: Grouping, ids: Sequence[UUID], days: LocalDays) -> Mapping[UUID, Names]:
        """The names under which services or people were booked last before the days are over."""
        ...


class GetReport:
    """The use case behind GetReport and ExportReport."""

    def __init__(self, catalog: Catalog, numbers: ReportNumbers, clock: Clock) -> None:
        self._catalog = catalog
        self._numbers = numbers
        self._clock = clock

    async def __call__(self, wanted: WantedReport) -> Report:
        """The report. Raises: SalonNotFound, CatalogUnavailable."""
        now = int(self._clock.now().timestamp())
        context = await self._catalog.context(wanted.salon_id, frozenset(), now, now + _HOUR)
        days = LocalDays.of(context.zone, wanted.first, wanted.last)
        if wanted.name is ReportName.UTILISATION:
            rows, totals = await self._utilisation(wanted, days)
        else:
            rows, totals = await self._counted(wanted, days, context)
        return Report(wanted.name, await self._named(wanted, days, rows, context), totals, context.zone.key)

    async def _counted(
        self, wanted: WantedReport, days: LocalDays, context: SalonContext
    ) -> tuple[Sequence[ReportRow], Sequence[ReportRow]]:
        # Nothing is an amount too, and whoever shows it needs to know of what.
        currency_code = context.currency_code if wanted.name is ReportName.REVENUE else ""
        nothing = ReportRow("", (0,) * len(COLUMNS[wanted.name]), currency_code)
        totals = await self._numbers.rows(wanted, days, Grouping.EVERYTHING) or [nothing]
        if wanted.grouping is Grouping.EVERYTHING:
            return totals, totals
        return await self._numbers.rows(wanted, days, wanted.grouping), totals

    async def _utilisation(
        self, wanted: WantedReport, days: LocalDays
    ) -> tuple[Sequence[ReportRow], Sequence[ReportRow]]:
        booked = await self._numbers.booked_seconds(wanted, days)
        working = await self._working_seconds(wanted, days)
        total = _row("", Utilisation(sum(booked.values()), sum(working.values())))
        if wanted.grouping is Grouping.EVERYTHING:
            return [total], [total]
        if wanted.grouping is Grouping.DAY:
            keys = [day.isoformat() for day in days.days]
            return _rows(keys, _by_day(booked), _by_day(working)), [total]
        people = sorted({str(staff_id) for staff_id, _ in (*booked, *working)})
        return _rows(people, _by_person(booked), _by_person(working)), [total]

    async def _working_seconds(self, wanted: WantedReport, days: LocalDays) -> PerDay:
        """Working time as the catalog resolves it now, in as many calls as it takes."""
        found: Counter[tuple[UUID, date]] = Counter()
        for first in range(0, len(days.days), _DAYS_PER_CALL):
            part = slice(first, first + _DAYS_PER_CALL)
            begins = [int(begin.timestamp()) for begin in days.begins[part]]
            end = int(days.ends[part][-1].timestamp())
            context = await self._catalog.context(wanted.salon_id, frozenset(), begins[0], end)
            for staff_id in context.staff:
                for number, seconds in _split(context.working.get(staff_id, ()), [*begins, end]):
                    found[staff_id, days.days[first + number]] += seconds
        return found

    async def _named(
        self, wanted: WantedReport, days: LocalDays, rows: Sequence[ReportRow], context: SalonContext
    ) -> Sequence[ReportRow]:
        if wanted.grouping not in (Grouping.SERVICE, Grouping.STAFF):
            return rows
        ids = sorted({UUID(row.key) for row in rows})
        booked = await self._numbers.names(wanted.grouping, ids, days)
        known = {staff_id: member.names for staff_id, member in context.staff.items()}
        return [replace(row, names=booked.get(UUID(row.key)) or known.get(UUID(row.key), {})) for row in rows]


def _split(working: IntervalSet, bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The seconds of working time in each day, by the day's number; `bounds` are where days begin, and the last ends."""
    for start, end in working:
        first = max(bisect_right(bounds, start) - 1, 0)
        for number in range(first, len(bounds) - 1):
            if bounds[number] >= end:
                break
            yield number, max(min(end, bounds[number + 1]) - max(start, bounds[number]), 0)


def _by_day(seconds: PerDay) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, day), some in seconds.items():
        found[day.isoformat()] += some
    return found


def _by_person(seconds: PerDay) -> Counter[str]:
    found: Counter[str] = Counter()
    for (staff_id, _), some in seconds.items():
        found[str(staff_id)] += some
    return found


def _rows(keys: Sequence[str], booked: Counter[str], working: Counter[str]) -> list[ReportRow]:
    return [_row(key, Utilisation(booked[key], working[key])) for key in keys]


def _row(key: str, share: Utilisation) -> ReportRow:
    return ReportRow(key, (share.booked, share.working, share.basis_points))
