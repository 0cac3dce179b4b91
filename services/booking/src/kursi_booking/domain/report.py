"""What a salon's bookings add up to. The contract says what each number is; here are their names and order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_booking.domain.start_rule import midnight


class ReportName(Enum):
    """The reports."""

    BOOKINGS = "bookings"
    CANCELLATIONS = "cancellations"
    NO_SHOWS = "no_shows"
    UTILISATION = "utilisation"
    REVENUE = "revenue"
    LEAD_TIME = "lead_time"
    RETURNING_CUSTOMERS = "returning_customers"


class Grouping(Enum):
    """What the rows of a report are about."""

    EVERYTHING = "everything"
    DAY = "day"
    SERVICE = "service"
    STAFF = "staff"


COLUMNS: Final[Mapping[ReportName, tuple[str, ...]]] = {
    ReportName.BOOKINGS: (
        *("bookings", "pending", "confirmed", "checked_in", "completed", "no_show", "cancelled"),
    ),
    ReportName.CANCELLATIONS: ("bookings", "cancelled", "cancelled_with_fee", "rate_basis_points"),
    ReportName.NO_SHOWS: ("due", "no_show", "rate_basis_points"),
    ReportName.UTILISATION: ("booked_seconds", "working_seconds", "rate_basis_points"),
    ReportName.REVENUE: ("bookings", "booked_minor", "completed_minor"),
    ReportName.LEAD_TIME: ("bookings", "average_seconds", "median_seconds"),
    ReportName.RETURNING_CUSTOMERS: ("customers", "returning", "new"),
}
"""The names of the values of each report, in order."""

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One line. `key` is a local day, an id, or empty for everything."""

    key: str
    values: tuple[int, ...]
    currency_code: str = ""
    names: Names = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedReport:
    """Which report, over which local days; both count."""

    salon_id: UUID
    name: ReportName
    first: date
    last: date
    grouping: Grouping


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers in rows."""

    name: ReportName
    rows: Sequence[ReportRow]
    totals: Sequence[ReportRow]
    time_zone: str


@dataclass(frozen=True, slots=True)
class LocalDays:
    """Days that follow each other in one zone, each with its first instant; a day may have 23 or 25 hours."""

    zone: ZoneInfo
    days: tuple[date, ...]
    begins: tuple[datetime, ...]
    end: datetime

    @classmethod
    def of(cls, zone: ZoneInfo, first: date, last: date) -> "LocalDays":
        """The days from `first` to `last`, both included."""
        days = tuple(first + timedelta(days=number) for number in range((last - first).days + 1))
        return cls(
            zone, days, tuple(_midnight(zone, day) for day in days), _midnight(zone, last + timedelta(days=1))
        )

    @property
    def ends(self) -> tuple[datetime, ...]:
        """Where each of the days ends."""
        return (*self.begins[1:], self.end)


def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return datetime.fromtimestamp(midnight(zone, day), UTC)
