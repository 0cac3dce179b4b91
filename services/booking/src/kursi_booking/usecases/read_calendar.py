"""A salon's calendar, person by person."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from kursi_chassis.intervals import Interval, clip

from kursi_booking.domain.calendar import (
    BOOKED,
    Block,
    CalendarColumn,
    CalendarEntry,
    SalonCalendar,
    Utilisation,
    WantedCalendar,
    utilisation,
)
from kursi_booking.domain.errors import CalendarTooLarge
from kursi_booking.domain.salon import SalonContext
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.supply import Catalog

MOST_ENTRIES: Final = 5_000
"""A month of fifty busy people; more would not fit into one message."""


class CalendarRows(Protocol):
    """What keeps people busy, as it is stored."""

    async def entries(self, wanted: WantedCalendar, most: int) -> Sequence[CalendarEntry]:
        """Up to `most` services of visits that overlap the range and were not called off, by start."""
        ...

    async def blocks(self, unit_ids: Collection[UUID], during: TimeRange, most: int) -> Sequence[Block]:
        """Up to `most` other things that keep these people and things busy in the range, by start."""
        ...


class ReadCalendar:
    """The use case behind GetCalendar."""

    def __init__(self, catalog: Catalog, rows: CalendarRows) -> None:
        self._catalog = catalog
        self._rows = rows

    async def __call__(self, wanted: WantedCalendar) -> SalonCalendar:
        """The calendar. Two statements, however much is in it, and the catalog is asked at most once, unless a person
        is named of whom nothing is known.

        Raises: SalonNotFound, StaffNotFound, CalendarTooLarge, CatalogUnavailable.
        """
        window = wanted.during.epoch
        context = await self._catalog.context(wanted.salon_id, frozenset(), *window)
        entries = await self._rows.entries(wanted, MOST_ENTRIES + 1)
        units = {*(wanted.staff_ids or (*context.staff, *_things(context))), *_people(entries)}
        blocks = await self._rows.blocks(units, wanted.during, MOST_ENTRIES + 1)
        if len(entries) + len(blocks) > MOST_ENTRIES:
            raise CalendarTooLarge(MOST_ENTRIES)
        people = wanted.staff_ids or (*context.staff, *sorted(_people(entries) - context.staff.keys()))
        await self._expect(wanted, {*context.staff, *_people(entries)})
        columns = _columns(people, context, entries, blocks, window)
        return SalonCalendar(
            columns=columns,
            things=_grouped([block for block in blocks if block.unit_id not in set(people)]),
            utilisation=sum((column.utilisation for column in columns), Utilisation()),
            time_zone=context.zone.key,
            as_of=context.as_of,
            stale=context.stale,
        )

    async def _expect(self, wanted: WantedCalendar, known: Collection[UUID]) -> None:
        for staff_id in wanted.staff_ids:
            if staff_id not in known:
                await self._catalog.expect_staff(wanted.salon_id, staff_id, *wanted.during.epoch)


def _columns(
    people: Sequence[UUID],
    context: SalonContext,
    entries: Sequence[CalendarEntry],
    blocks: Sequence[Block],
    window: Interval,
) -> list[CalendarColumn]:
    by_person: defaultdict[UUID, list[CalendarEntry]] = defaultdict(list)
    for entry in entries:
        by_person[entry.staff_id].append(entry)
    blocked = _grouped(blocks)
    return [
        CalendarColumn(
            staff_id=staff_id,
            names=_names(staff_id, context, by_person[staff_id]),
            working=clip(context.working.get(staff_id, ()), *window),
            entries=by_person[staff_id],
            blocks=blocked.get(staff_id, ()),
            utilisation=utilisation(
                [entry.during.epoch for entry in by_person[staff_id] if entry.state in BOOKED],
                context.working.get(staff_id, ()),
                window,
            ),
        )
        for staff_id in people
    ]


def _names(staff_id: UUID, context: SalonContext, entries: Sequence[CalendarEntry]) -> Mapping[str, str]:
    """As the catalog has them now, else as they were booked last; nothing of whoever performs nothing."""
    if staff_id in context.staff:
        return context.staff[staff_id].names
    return entries[-1].staff_names if entries else {}


def _grouped(blocks: Sequence[Block]) -> dict[UUID, list[Block]]:
    grouped: defaultdict[UUID, list[Block]] = defaultdict(list)
    for block in blocks:
        grouped[block.unit_id].append(block)
    return dict(grouped)


def _people(entries: Sequence[CalendarEntry]) -> set[UUID]:
    return {entry.staff_id for entry in entries}


def _things(context: SalonContext) -> list[UUID]:
    return [thing for units in context.resources.values() for thing in units]
