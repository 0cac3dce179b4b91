"""What the rows of a file ask for, read with the readers of the ordinary methods."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.validation import Violations

from kursi_catalog.api import parse_hours, parse_things
from kursi_catalog.api.catalogue_cells import WrongValue, from_cell, put, put_text
from kursi_catalog.api.catalogue_file import Row, printable
from kursi_catalog.api.reading import Read, read_fields
from kursi_catalog.domain.hours import OpeningHours, wrong_availability, wrong_opening_hours
from kursi_catalog.domain.transfer import (
    AvailabilityDraft,
    CatalogueDraft,
    HoursDraft,
    Place,
    Problem,
    ThingDraft,
    ThingKind,
    row_of,
)

_LONGEST_KEY: Final = 100
_MOST_OF_A_ROW: Final = 20
"""Wrong cells of one row that are named: a file of nothing else has millions."""
MESSAGES: Final[Mapping[ThingKind, type[Message]]] = {
    "staff": pb.StaffMember, "resource": pb.Resource, "service": pb.Service,
}  # fmt: skip
READERS: Final[
    Mapping[ThingKind, Mapping[str, Read[Any]]]
] = {  # Any: each kind has readers of its own message
    "staff": {name: read for name, read in parse_things.STAFF_MEMBER.items() if name != "user_id"},
    "resource": parse_things.RESOURCE,
    "service": parse_things.SERVICE,
}
"""Whose account a staff member's is stays behind: it belongs to a person, not to the catalogue."""
DEFAULTS: Final[Mapping[ThingKind, Mapping[str, Any]]] = {  # Any: see Fields
    "staff": {"user_id": None, "bios": {}, "color": "", "bookable_online": True, "service_ids": ()},
    "resource": {"names": {}},
    "service": {
        **{name: read(Violations(), name, pb.Service()) for name, read in parse_things.SERVICE.items()},
        "active": True,
    },
}  # fmt: skip
"""What is new can be booked unless its row says otherwise."""


def fields_of(kind: type[Message]) -> Sequence[FieldDescriptor]:
    """The fields of a message, under the one name that their descriptors have for type checkers."""
    return tuple(cast("FieldDescriptor", field) for field in kind.DESCRIPTOR.fields)


def _by_column(kind: type[Message], names: Collection[str]) -> Mapping[str, FieldDescriptor]:
    return {field.json_name: field for field in fields_of(kind) if field.name in names}


_FIELDS: Final = {kind: _by_column(MESSAGES[kind], READERS[kind].keys()) for kind in MESSAGES}
_OF_DAYS: Final = _by_column(pb.DayRange, ("day", "start", "end", "breaks"))
_OF_SEASONS: Final = _by_column(pb.WeeklySchedule, ("season",))
_OF_SCHEDULES: Final = _by_column(
    pb.WeeklySchedule, ("effective_from", "effective_until", "every_weeks", "season")
)
_OF_DATES: Final = _by_column(pb.DateOverride, ("date", "ranges", "reason"))
_KEY, _STAFF, _SEASON = frozenset({"key"}), frozenset({"staff"}), frozenset({"season"})
_BESIDE_DAYS, _BESIDE_SCHEDULES = _STAFF | _OF_SCHEDULES.keys(), _STAFF | _OF_DAYS.keys()


def draft_of(rows: Sequence[Row], currency_code: str) -> CatalogueDraft:
    """Everything that the rows ask for, and what is wrong with them."""
    draft = CatalogueDraft(rows=len(rows))
    reader = _Reader(draft, currency_code)
    for row in rows:
        reader.read(row)
    reader.finish()
    return draft


class _Reader:
    def __init__(self, draft: CatalogueDraft, currency_code: str) -> None:
        self._draft = draft
        self._currency_code = currency_code
        self._hours = pb.OpeningHours()
        self._hours_rows: dict[str, Place] = {}
        self._availability: dict[str, tuple[pb.Availability, dict[str, Place]]] = {}
        # Which one of the lists above a row belongs to: looked up, as a file may begin a new one with each of its rows.
        self._seasonal: dict[int, int] = {}
        self._schedules: dict[tuple[str, int, str], int] = {}
        self._broken: set[str] = set()

    def read(self, row: Row) -> None:
        """Take one row in."""
        key = row.cells.get("key" if row.kind in MESSAGES else "staff", "")
        place = Place(row.line, row.kind, key if isinstance(key, str) else "")
        kinds = {"opening_hours": self._read_hours, "shift": self._read_shift, "day": self._read_day}
        if row.kind in MESSAGES:
            self._read_thing(row, place)
        elif row.kind in kinds:
            kinds[row.kind](row, place)
        else:
            self._wrong(place, Violation("type", "UNKNOWN_VALUE"))

    def finish(self) -> None:
        """Put together what many rows say of one thing."""
        if self._hours_rows and "" not in self._broken:
            self._finish_hours()
        for key, (message, rows) in self._availability.items():
            if f"staff {key}" not in self._broken:
                self._finish_availability(key, message, rows)

    def _read_thing(self, row: Row, place: Place) -> None:
        kind: ThingKind = row.kind  # type: ignore[assignment]  # it is one: `read` looked
        message = MESSAGES[kind]()
        if not self._has_key(place, "key"):
            return
        present = self._filled(message, row, place, _FIELDS[kind], _KEY)
        if present is None:
            return
        prefix = row.kind
        try:
            fields = read_fields(prefix, message, READERS[kind], frozenset(present))
        except Invalid as error:
            self._wrong(place, *error.violations)
            return
        self._draft.things[kind].append(ThingDraft(place, fields))

    def _read_hours(self, row: Row, place: Place) -> None:
        one = pb.DayRange()
        season = self._season(row, place)
        if season is None or self._filled(one, row, place, _OF_DAYS, _SEASON) is None:
            self._broken.add("")
            return
        if season == 0:
            self._hours_rows[f"ranges[{len(self._hours.ranges)}]"] = place
            self._hours.ranges.append(one)
            return
        number = self._seasonal.setdefault(season, len(self._hours.seasonal))
        if number == len(self._hours.seasonal):
            self._hours.seasonal.add(season=season)
        path = f"seasonal[{number}]"
        self._hours_rows.setdefault(path, place)
        if one != pb.DayRange():
            self._hours_rows[f"{path}.ranges[{len(self._hours.seasonal[number].ranges)}]"] = place
            self._hours.seasonal[number].ranges.append(one)

    def _read_shift(self, row: Row, place: Place) -> None:
        found = self._of_member(place)
        shift, head = pb.DayRange(), pb.WeeklySchedule()
        day = self._filled(shift, row, place, _OF_DAYS, _BESIDE_DAYS)
        schedule = self._filled(head, row, place, _OF_SCHEDULES, _BESIDE_SCHEDULES)
        if found is None or day is None or schedule is None:
            self._broken.add(f"staff {place.key}")
            return
        message, rows = found
        start = (place.key, head.season, head.effective_from)
        number = self._schedules.setdefault(start, len(message.schedules))
        if number == len(message.schedules):
            message.schedules.append(head)
        known = message.schedules[number]
        if (known.effective_until, known.every_weeks) != (head.effective_until, head.every_weeks):
            self._wrong(place, Violation("effective_until", "CONTRADICTS"))
            self._broken.add(f"staff {place.key}")
            return
        path = f"schedules[{number}]"
        rows.setdefault(path, place)
        if shift != pb.DayRange():
            rows[f"{path}.shifts[{len(known.shifts)}]"] = place
            known.shifts.append(shift)

    def _read_day(self, row: Row, place: Place) -> None:
        found = self._of_member(place)
        one = pb.DateOverride()
        if self._filled(one, row, place, _OF_DATES, _STAFF) is None or found is None:
            self._broken.add(f"staff {place.key}")
            return
        message, rows = found
        rows[f"overrides[{len(message.overrides)}]"] = place
        message.overrides.append(one)

    def _finish_hours(self) -> None:
        value = OpeningHours()
        try:
            with Violations() as check:
                value = parse_hours.opening_hours(check, self._hours)
            _refuse(wrong_opening_hours(value))
        except Invalid as error:
            self._wrong_parts(self._hours_rows, error.violations)
            return
        self._draft.hours = HoursDraft(value, self._hours_rows)

    def _finish_availability(self, key: str, message: pb.Availability, rows: dict[str, Place]) -> None:
        try:
            with Violations() as check:
                value = parse_hours.availability(check, message)
            _refuse(wrong_availability(value))
        except Invalid as error:
            self._wrong_parts(rows, error.violations)
            return
        self._draft.availability.append(AvailabilityDraft(key, value, rows))

    def _filled(
        self,
        message: Message,
        row: Row,
        place: Place,
        fields: Mapping[str, FieldDescriptor],
        known: frozenset[str] = frozenset(),
    ) -> set[str] | None:
        """Fill the message; the names of the fields that the row has, or None when a cell is wrong."""
        before = len(self._draft.problems)
        present: set[str] = set()
        for column, cell in row.cells.items():
            if len(self._draft.problems) - before == _MOST_OF_A_ROW:
                break
            name, _, tag = column.partition(".")
            field = fields.get(name)
            if field is None or (tag and not _is_texts(field)):
                if column not in known and cell not in ("", None):
                    self._wrong(place, Violation(column, "UNKNOWN_COLUMN", {"column": printable(column)}))
                continue
            present.add(field.name)
            if cell in ("", None):
                continue
            try:
                if tag:
                    put_text(message, field, tag, cell)
                else:
                    put(message, field, self._value(field, cell))
            except WrongValue:
                self._wrong(place, Violation(column, "MALFORMED"))
        return present if len(self._draft.problems) == before else None

    def _value(self, field: FieldDescriptor, cell: object) -> object:
        """The value of JSON behind a cell of either format. Raises: WrongValue."""
        is_text = field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
        value = from_cell(field, cell, self._currency_code) if isinstance(cell, str) and not is_text else cell
        if field.name == "performers" and isinstance(value, list):
            return [self._performer(one) for one in value]
        if (
            field.name == "add_ons"
            and isinstance(value, list)
            and any("id" in one for one in value if isinstance(one, dict))
        ):
            raise WrongValue
        return value

    def _performer(self, one: object) -> object:
        if not isinstance(one, dict) or not isinstance(one.get("staff"), str) or "staffId" in one:
            raise WrongValue
        if not _is_text(one["staff"]):
            raise WrongValue
        others = {name: value for name, value in one.items() if name != "staff"}
        return {**others, "staffId": str(self._draft.stand_in(one["staff"]))}

    def _season(self, row: Row, place: Place) -> int | None:
        """The number of the row's season; 0 for none; None when it is wrong."""
        head = pb.WeeklySchedule()
        cells = {"season": row.cells.get("season", "")}
        found = self._filled(head, Row(row.line, row.kind, cells), place, _OF_SEASONS)
        return None if found is None else int(head.season)

    def _of_member(self, place: Place) -> tuple[pb.Availability, dict[str, Place]] | None:
        if not self._has_key(place, "staff"):
            return None
        return self._availability.setdefault(place.key, (pb.Availability(), {}))

    def _has_key(self, place: Place, column: str) -> bool:
        try:
            with Violations() as check:
                check.text(column, place.key, _LONGEST_KEY, 1)
                if not _is_text(place.key):
                    check.add(column, "MALFORMED")
        except Invalid as error:
            self._wrong(place, *error.violations)
            return False
        return True

    def _wrong(self, place: Place, *violations: Violation) -> None:
        self._draft.problems.extend(Problem(place, violation) for violation in violations)

    def _wrong_parts(self, rows: Mapping[str, Place], violations: Sequence[Violation]) -> None:
        for violation in violations:
            place, column = row_of(rows, violation.field.partition(".")[2])
            self._wrong(place, Violation(column, violation.reason, violation.params))


def column_of(violation: Violation) -> str:
    """The column, or the path in JSON, of a field as the readers name it."""
    prefix, _, rest = violation.field.partition(".")
    path = rest if rest and prefix in MESSAGES else violation.field
    dotted = re.sub(r"\[([^\]0-9][^\]]*)\]", r".\1", path)
    return ".".join(_json_name(part) for part in dotted.split("."))


def _json_name(name: str) -> str:
    head, *others = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in others)


def _is_text(text: str) -> bool:
    """Whether it can be written down: JSON can spell half a character, which nothing else can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_texts(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _refuse(violations: Iterator[Violation]) -> None:
    found = tuple(violations)
    if found:
        raise Invalid(*found)
