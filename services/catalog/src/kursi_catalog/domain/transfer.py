"""A catalogue on its way into a salon: what a file asks for, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from kursi_chassis.errors import Violation

from kursi_catalog.domain.hours import Availability, OpeningHours

ThingKind = Literal["staff", "resource", "service"]
THING_KINDS: tuple[ThingKind, ...] = ("staff", "resource", "service")
"""In the order in which they are written: services name the staff."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands: the line, the kind of its row, its key."""

    line: int
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row; the violation's field is the column."""

    place: Place
    violation: Violation


@dataclass(frozen=True, slots=True)
class ThingDraft:
    """A staff member, resource or service as a row asks for it: only the fields that the row has.

    Performers have stand-ins for ids: the file names the staff by key.
    """

    place: Place
    fields: Mapping[str, Any]  # Any: see Fields


@dataclass(frozen=True, slots=True)
class HoursDraft:
    """Opening hours out of many rows; `rows` says by path which row a part comes from."""

    value: OpeningHours
    rows: Mapping[str, Place]


@dataclass(frozen=True, slots=True)
class AvailabilityDraft:
    """What one staff member works, out of many rows."""

    staff_key: str
    value: Availability
    rows: Mapping[str, Place]


@dataclass(slots=True)
class CatalogueDraft:
    """A whole file."""

    rows: int = 0
    things: dict[ThingKind, list[ThingDraft]] = field(
        default_factory=lambda: {kind: [] for kind in THING_KINDS}
    )
    hours: HoursDraft | None = None
    availability: list[AvailabilityDraft] = field(default_factory=list)
    staff_keys: dict[UUID, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def stand_in(self, staff_key: str) -> UUID:
        """An id that stands for the staff member until it is known who that is."""
        made = uuid5(NAMESPACE_URL, f"kursi:staff:{staff_key}")
        self.staff_keys[made] = staff_key
        return made


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an import did, or would do."""

    applied: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    problems: tuple[Problem, ...]


def row_of(rows: Mapping[str, Place], path: str) -> tuple[Place, str]:
    """The row that a part of a whole comes from, and what is left of the path within the row."""
    whole, rest = path, ""
    while whole:
        if whole in rows:
            return rows[whole], rest.lstrip(".")
        cut = max(whole.rfind("."), whole.rfind("["))
        whole, rest = whole[: max(cut, 0)], whole[max(cut, 0) :] + rest
    return next(iter(rows.values())), path
