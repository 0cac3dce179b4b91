"""Opening hours and availability: documents on the rows of the salon and the staff member."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.db.violations import constraint_errors
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.domain.errors import LocationRequired
from kursi_catalog.domain.hours import (
    Availability,
    DayOverride,
    DayRange,
    OpeningHours,
    SeasonalHours,
    WeeklyShifts,
)
from kursi_catalog.domain.prayer import HighLatitudes, Method, Prayer, PrayerBreaks, Rules
from kursi_catalog.domain.schedule import LocalRange
from kursi_catalog.domain.season import Season
from kursi_catalog.store.rows import Row, fetch_one

_MINUTE = timedelta(minutes=1)

_Part = Any  # a JSON value as this module wrote it


@dataclass(frozen=True, slots=True)
class KeptHours:
    """When a salon is open."""

    opening: OpeningHours
    revision: int


@dataclass(frozen=True, slots=True)
class KeptAvailability:
    """When a staff member works."""

    availability: Availability
    revision: int


async def hours_of(connection: Connection, salon_id: UUID) -> KeptHours:
    query = sql.SQL(
        "SELECT hours, seasonal_hours, prayer_breaks, hours_revision FROM salons WHERE id = %(id)s"
    )
    row = await fetch_one(connection, query, {"id": salon_id})
    return KeptHours(read_hours(row), row["hours_revision"]) if row else KeptHours(OpeningHours(), 0)


async def replace_hours(connection: Connection, salon_id: UUID, opening: OpeningHours) -> None:
    """Raises: LocationRequired when there are prayer breaks and the salon has no location."""
    with constraint_errors({"salons_prayer_place": lambda _: LocationRequired()}):
        await connection.execute(
            """
            UPDATE salons
            SET hours = %s, seasonal_hours = %s, prayer_breaks = %s, hours_revision = hours_revision + 1
            WHERE id = %s
            """,
            [
                Jsonb([_write_day_range(one) for one in opening.ranges]),
                Jsonb([_write_seasonal(one) for one in opening.seasonal]),
                Jsonb(_write_breaks(opening.prayer_breaks)) if opening.prayer_breaks else None,
                salon_id,
            ],
        )


async def availability_of(connection: Connection, salon_id: UUID, staff_id: UUID) -> KeptAvailability | None:
    query = sql.SQL(
        "SELECT schedules, overrides, availability_revision FROM staff_members "
        "WHERE salon_id = %(salon_id)s AND id = %(id)s"
    )
    row = await fetch_one(connection, query, {"salon_id": salon_id, "id": staff_id})
    return KeptAvailability(read_availability(row), row["availability_revision"]) if row else None


async def replace_availability(connection: Connection, staff_id: UUID, availability: Availability) -> None:
    await connection.execute(
        """
        UPDATE staff_members
        SET schedules = %s, overrides = %s, availability_revision = availability_revision + 1,
            version = version + 1
        WHERE id = %s
        """,
        [
            Jsonb([_write_schedule(one) for one in availability.schedules]),
            Jsonb([_write_override(one) for one in availability.overrides]),
            staff_id,
        ],
    )


def read_availability(row: Row) -> Availability:
    """The availability in a row with the columns `schedules` and `overrides`."""
    return Availability(
        tuple(_read_schedule(part) for part in row["schedules"]),
        tuple(
            DayOverride(date.fromisoformat(part["date"]), _read_ranges(part["ranges"]), part["reason"])
            for part in row["overrides"]
        ),
    )


def read_hours(row: Row) -> OpeningHours:
    """The hours in a row with the columns `hours`, `seasonal_hours` and `prayer_breaks`."""
    breaks = row["prayer_breaks"]
    return OpeningHours(
        read_day_ranges(row["hours"]),
        tuple(
            SeasonalHours(Season(part["season"]), read_day_ranges(part["ranges"]))
            for part in row["seasonal_hours"]
        ),
        _read_breaks(breaks) if breaks else None,
    )


def read_day_ranges(parts: Sequence[_Part]) -> tuple[DayRange, ...]:
    """Ranges as they stand in a document."""
    return tuple(
        DayRange(part["weekday"], LocalRange(*part["during"]), _read_ranges(part["breaks"])) for part in parts
    )


def _read_schedule(part: _Part) -> WeeklyShifts:
    return WeeklyShifts(
        _read_date(part["from"]),
        _read_date(part["until"]),
        part["every_weeks"],
        read_day_ranges(part["shifts"]),
        Season(season) if (season := part.get("season")) else None,
    )


def _read_breaks(part: _Part) -> PrayerBreaks:
    return PrayerBreaks(
        Rules(Method(part["method"]), part["hanafi_asr"], HighLatitudes(part["high_latitudes"])),
        tuple(Prayer(one) for one in part["prayers"]),
        part["before_minutes"] * _MINUTE,
        part["after_minutes"] * _MINUTE,
    )


def _write_breaks(breaks: PrayerBreaks) -> Row:
    return {
        "method": breaks.rules.method,
        "hanafi_asr": breaks.rules.hanafi_asr,
        "high_latitudes": breaks.rules.high_latitudes,
        "prayers": list(breaks.prayers),
        "before_minutes": breaks.before // _MINUTE,
        "after_minutes": breaks.after // _MINUTE,
    }


def _write_seasonal(one: SeasonalHours) -> Row:
    return {"season": one.season, "ranges": [_write_day_range(range_) for range_ in one.ranges]}


def _write_schedule(schedule: WeeklyShifts) -> Row:
    return {
        "from": _write_date(schedule.effective_from),
        "until": _write_date(schedule.effective_until),
        "every_weeks": schedule.every_weeks,
        "shifts": [_write_day_range(one) for one in schedule.shifts],
        "season": schedule.season,
    }


def _write_override(override: DayOverride) -> Row:
    return {"date": override.day.isoformat(), "ranges": list(override.ranges), "reason": override.reason}


def _write_day_range(one: DayRange) -> Row:
    return {"weekday": one.weekday, "during": list(one.during), "breaks": list(one.breaks)}


def _read_ranges(parts: Sequence[_Part]) -> tuple[LocalRange, ...]:
    return tuple(LocalRange(*part) for part in parts)


def _read_date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _write_date(day: date | None) -> str | None:
    return day.isoformat() if day else None
