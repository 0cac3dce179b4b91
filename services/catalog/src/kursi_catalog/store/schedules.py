"""The schedule of a salon out of its row."""

from collections.abc import Sequence
from typing import LiteralString
from zoneinfo import ZoneInfo

from kursi_chassis.intervals import Interval, merged

from kursi_catalog.domain import roster
from kursi_catalog.domain.schedule import SalonSchedule, days_that_reach
from kursi_catalog.store import hours, salons
from kursi_catalog.store.rows import Row

CLOSURES: LiteralString = """ARRAY(
    SELECT ARRAY[floor(extract(epoch FROM x.start_time))::bigint, ceil(extract(epoch FROM x.end_time))::bigint]
    FROM closures x WHERE x.salon_id = s.id AND x.end_time > %(start)s AND x.start_time < %(end)s) AS closures"""
"""A column for `salon_schedule`: the closures of the salon `s` between two instants."""


def salon_schedule(row: Row, window: Interval) -> SalonSchedule:
    """The rules of a salon that count in the window, from the columns of its hours and place and `CLOSURES`."""
    zone, kept = ZoneInfo(row["time_zone"]), hours.read_hours(row)
    return SalonSchedule(
        zone,
        roster.opening_of(row["id"], kept, days_that_reach(zone, window)),
        closures=merged(interval(one) for one in row["closures"]),
        prayer_breaks=kept.prayer_breaks,
        location=salons.read_location(row),
    )


def interval(bounds: Sequence[int]) -> Interval:
    """Two epoch seconds as they come from the database."""
    start, end = bounds
    return start, end
