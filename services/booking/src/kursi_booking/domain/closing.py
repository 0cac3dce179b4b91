"""What closes a start, as it is told: the rules by the names of the contract, and the rows behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from uuid import UUID

from kursi_chassis.intervals import Interval


class ClosedBy(Enum):
    """The rules that are told, in the order in which they are looked at; each value is the name in the contract."""

    SALON_NOT_LIVE = "SALON_NOT_LIVE"
    CUSTOMER_LIMIT = "CUSTOMER_LIMIT"
    TOO_SOON = "TOO_SOON"
    TOO_FAR_AHEAD = "TOO_FAR_AHEAD"
    TOO_LATE_IN_DAY = "TOO_LATE_IN_DAY"
    DAY_FULL = "DAY_FULL"
    OFF_GRID = "OFF_GRID"
    NO_PERFORMER = "NO_PERFORMER"
    NOT_ENOUGH_RESOURCES = "NOT_ENOUGH_RESOURCES"
    SALON_CLOSED = "SALON_CLOSED"
    OUTSIDE_OPENING_HOURS = "OUTSIDE_OPENING_HOURS"
    OPENING_BREAK = "OPENING_BREAK"
    PRAYER_BREAK = "PRAYER_BREAK"
    TIME_OFF = "TIME_OFF"
    DATE_OVERRIDDEN = "DATE_OVERRIDDEN"
    NOT_ROSTERED = "NOT_ROSTERED"
    BREAK = "BREAK"
    OUTSIDE_WORKING_TIME = "OUTSIDE_WORKING_TIME"
    TAKEN = "TAKEN"
    RESOURCES_TAKEN = "RESOURCES_TAKEN"
    STAFF_DAY_FULL = "STAFF_DAY_FULL"
    LEAVES_GAP = "LEAVES_GAP"


OF_WORKING_TIME = frozenset(
    {
        ClosedBy.SALON_CLOSED,
        ClosedBy.OUTSIDE_OPENING_HOURS,
        ClosedBy.OPENING_BREAK,
        ClosedBy.PRAYER_BREAK,
        ClosedBy.TIME_OFF,
        ClosedBy.DATE_OVERRIDDEN,
        ClosedBy.NOT_ROSTERED,
        ClosedBy.BREAK,
        ClosedBy.OUTSIDE_WORKING_TIME,
    }
)
"""What OUTSIDE_WORKING_TIME is called where the catalog says more."""


class RowType(Enum):
    """What a row is; each value is the name in the contract."""

    SALON = "SALON"
    POLICY = "POLICY"
    SERVICE = "SERVICE"
    RESOURCE_KIND = "RESOURCE_KIND"
    CLOSURE = "CLOSURE"
    OPENING_HOURS = "OPENING_HOURS"
    PRAYER_TIMES = "PRAYER_TIMES"
    TIME_OFF = "TIME_OFF"
    DATE_OVERRIDE = "DATE_OVERRIDE"
    SCHEDULE = "SCHEDULE"
    BOOKING = "BOOKING"
    BLOCKED_TIME = "BLOCKED_TIME"


FOR_MEMBERS = frozenset(
    {RowType.TIME_OFF, RowType.DATE_OVERRIDE, RowType.SCHEDULE, RowType.BOOKING, RowType.BLOCKED_TIME}
)
"""Rows that only members of the salon are told of; all others the catalog shows to everybody."""


class Source(Enum):
    """Where a value of a policy was set; each value is the number in the catalog's contract."""

    PLATFORM = 1
    SALON = 2
    SERVICE = 3


@dataclass(frozen=True, slots=True)
class Row:
    """Something that was written down and closes a start."""

    type: RowType
    row_id: str
    name: str = ""
    value: str = ""
    source: Source | None = None
    day: date | None = None
    during: Interval | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """The rule, the row behind it, and what else its sentences say."""

    rule: ClosedBy
    row: Row | None = None
    params: Mapping[str, object] = field(default_factory=dict)

    def for_public(self) -> "Closing":
        """What somebody may know who is no member of the salon."""
        return replace(self, row=None) if self.row and self.row.type in FOR_MEMBERS else self


@dataclass(frozen=True, slots=True)
class ClosedPerson:
    """Somebody who could perform a service of the visit; free when nothing closes the time for them."""

    service_index: int
    staff_id: UUID
    closing: Closing | None
