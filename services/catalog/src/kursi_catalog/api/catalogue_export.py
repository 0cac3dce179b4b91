"""A catalogue as rows of a file, spelled as imports read them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from kursi.catalog.v1 import catalog_pb2 as pb

from kursi_catalog.api import render
from kursi_catalog.api.catalogue_cells import to_cell
from kursi_catalog.api.catalogue_file import Cells, Row
from kursi_catalog.api.catalogue_rows import READERS, fields_of
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.transfer import ThingKind
from kursi_catalog.store.catalogue import Catalogue
from kursi_catalog.store.hours import KeptAvailability, KeptHours

COLUMNS: Final = (
    "key",
    "staff",
    "category",
    "kind",
    "day",
    "date",
    "start",
    "end",
    "breaks",
    "ranges",
    "reason",
)
"""The columns that people look for first; the others follow by name."""
_DESCRIPTORS: Final[Mapping[str, type[Message]]] = {
    "staff": pb.StaffMember, "resource": pb.Resource, "service": pb.Service,
    "opening_hours": pb.DayRange, "shift": pb.DayRange, "day": pb.DateOverride,
}  # fmt: skip


def rows_of(salon: Salon, it: Catalogue) -> list[Row]:
    """What is not archived, in the order of ids, so that the same catalogue makes the same file."""
    keys = it.keys_by_id()
    away = {one.id for one in it.staff if one.archive_time is not None}
    rows: list[tuple[str, Cells]] = []
    rows += [
        ("staff", _thing("staff", render.staff_member(one), keys[one.id]))
        for one in it.staff
        if one.id not in away
    ]
    rows += [
        ("resource", _thing("resource", render.resource(one), keys[one.id]))
        for one in it.resources
        if one.archive_time is None
    ]
    rows += [
        ("service", _service(render.service(one), keys, away))
        for one in it.services
        if one.archive_time is None
    ]
    rows += [
        ("opening_hours", cells) for cells in _hours(render.opening_hours(salon.id, KeptHours(it.opening, 0)))
    ]
    for member in it.staff:
        if member.id not in away:
            kept = KeptAvailability(it.availability[member.id], 0)
            rows += _availability(render.availability(salon.id, member.id, kept), keys[member.id])
    return [Row(0, kind, cells) for kind, cells in rows]


def flat(rows: Sequence[Row]) -> list[Row]:
    """The same rows with one cell for each language, and everything as people write it."""
    return [Row(row.line, row.kind, dict(_flat_cells(row))) for row in rows]


def _flat_cells(row: Row) -> Iterator[tuple[str, str]]:
    fields = {field.json_name: field for field in fields_of(_DESCRIPTORS[row.kind])}
    for name, value in row.cells.items():
        field = fields.get(name)
        if field is None:
            yield name, str(value)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            texts = value if isinstance(value, Mapping) else {}
            yield from ((f"{name}.{tag}", str(text)) for tag, text in texts.items())
        else:
            yield name, to_cell(field, value)


def _thing(kind: ThingKind, message: Message, key: str) -> dict[str, object]:
    names = {message.DESCRIPTOR.fields_by_name[name].json_name for name in READERS[kind]}
    document = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    return {"key": key, **{name: value for name, value in document.items() if name in names}}


def _service(message: pb.Service, keys: Mapping[UUID, str], away: set[UUID]) -> dict[str, object]:
    cells = _thing("service", message, "")
    performers = [
        json_format.MessageToDict(one) for one in message.performers if UUID(one.staff_id) not in away
    ]
    add_ons = [json_format.MessageToDict(one) for one in message.add_ons]
    return {
        **cells,
        "key": keys[UUID(message.id)],
        "performers": [{"staff": keys[UUID(one.pop("staffId"))], **one} for one in performers],
        "addOns": [{name: value for name, value in one.items() if name != "id"} for one in add_ons],
    }


def _hours(message: pb.OpeningHours) -> Iterator[Cells]:
    for one in message.ranges:
        yield _range(one)
    for seasonal in message.seasonal:
        season = pb.Season.Name(seasonal.season)
        yield from ({**_range(one), "season": season} for one in seasonal.ranges)
        if not seasonal.ranges:
            yield {"season": season}


def _availability(message: pb.Availability, key: str) -> Iterator[tuple[str, Cells]]:
    for schedule in message.schedules:
        head = json_format.MessageToDict(schedule)
        head.pop("shifts", None)
        for one in schedule.shifts:
            yield "shift", {"staff": key, **_range(one), **head}
        if not schedule.shifts:
            yield "shift", {"staff": key, **head}
    for override in message.overrides:
        yield "day", {"staff": key, **json_format.MessageToDict(override)}


def _range(one: pb.DayRange) -> dict[str, object]:
    return dict(json_format.MessageToDict(one))
