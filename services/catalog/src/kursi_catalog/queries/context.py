"""All that booking needs of one salon, in five statements of one snapshot, however much is asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import NotFound
from kursi_chassis.ids import new_id
from kursi_chassis.intervals import Interval, IntervalSet
from psycopg import sql

from kursi_catalog.domain import roster, schedule
from kursi_catalog.domain.errors import SalonNotFound, ServiceNotFound, StaffNotFound
from kursi_catalog.domain.policy import Policy, effective
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.service import Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.store import hours, policies, resources, salons, services, staff
from kursi_catalog.store.rows import Row
from kursi_catalog.store.schedules import CLOSURES, interval, salon_schedule

# What nobody performs cannot be booked, and who is quicker than others can be booked for less.
_SHORTEST = """(SELECT COALESCE(min(COALESCE(p.duration_minutes, x.duration_minutes)
        + x.buffer_before_minutes + x.buffer_after_minutes), 0)
     FROM services x JOIN service_performers p ON p.service_id = x.id JOIN staff_members m ON m.id = p.staff_id
     WHERE x.salon_id = s.id AND x.active AND x.archive_time IS NULL
        AND m.bookable_online AND m.archive_time IS NULL) AS shortest_minutes"""
_TIME_OFF = """, ARRAY(
    SELECT ARRAY[floor(extract(epoch FROM x.start_time))::bigint, ceil(extract(epoch FROM x.end_time))::bigint]
    FROM time_off x WHERE x.staff_id = it.id AND x.end_time > %(start)s AND x.start_time < %(end)s) AS time_off"""

_SALON = (
    sql.SQL("SELECT ")
    + salons.COLUMNS
    + sql.SQL(f", s.hours, s.seasonal_hours, s.prayer_breaks, {CLOSURES}, {_SHORTEST} ")
    + sql.SQL("FROM salons s WHERE s.id = %(salon_id)s")
)
_SERVICES = services.SERVICES.select(
    sql.SQL(
        "it.salon_id = %(salon_id)s AND CASE WHEN %(every_service)s "
        "THEN it.active AND it.archive_time IS NULL ELSE it.id = ANY (%(service_ids)s) END ORDER BY it.id"
    )
)
_STAFF = staff.STAFF.select(
    sql.SQL("""it.salon_id = %(salon_id)s AND CASE WHEN %(everybody)s THEN EXISTS (
        SELECT FROM service_performers p JOIN services o ON o.id = p.service_id
        WHERE p.staff_id = it.id AND o.active AND o.archive_time IS NULL
            AND (%(every_service)s OR o.id = ANY (%(service_ids)s)))
        ELSE it.id = ANY (%(staff_ids)s) END ORDER BY it.id"""),
    extra=sql.SQL(_TIME_OFF),
)
_RESOURCES = resources.RESOURCES.select(
    sql.SQL("it.salon_id = %(salon_id)s AND it.archive_time IS NULL ORDER BY it.id")
)
_STATEMENTS = (_SALON, _SERVICES, _STAFF, _RESOURCES, policies.OF_SALON)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """What booking asks. No services: all active ones; no staff: everybody who performs one of them."""

    salon_id: UUID
    service_ids: Collection[UUID]
    staff_ids: Collection[UUID]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Offer:
    service: Service
    policy: Policy


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody, and when they work: epoch seconds, sorted, not touching."""

    member: StaffMember
    working: IntervalSet


@dataclass(frozen=True, slots=True)
class BookingContext:
    salon: Salon
    policy: Policy
    offers: Sequence[Offer]
    workers: Sequence[Worker]
    resources: Sequence[Resource]
    shortest_service: timedelta


async def booking_context(database: Database, platform: Policy, question: Question) -> BookingContext:
    """The answer, of one instant: its parts fit each other and the salon's version.

    Archived and inactive services and archived staff are left out.

    Raises:
        SalonNotFound, ServiceNotFound, StaffNotFound: something that is named is not there at all.
    """
    salon_rows, service_rows, staff_rows, resource_rows, policy_rows = await ask(database, question)
    if not salon_rows:
        raise SalonNotFound
    expect_all(question.service_ids, service_rows, ServiceNotFound)
    expect_all(question.staff_ids, staff_rows, StaffNotFound)
    levels = policies.read_levels(policy_rows)
    common = effective(platform, levels, None).policy
    return BookingContext(
        salon=salons.read(salon_rows[0]),
        policy=common,
        offers=[
            Offer(
                services.read(row),
                effective(platform, levels, row["id"]).policy if row["id"] in levels else common,
            )
            for row in service_rows
            if row["active"] and row["archive_time"] is None
        ],
        workers=_workers(salon_rows[0], [row for row in staff_rows if row["archive_time"] is None], question),
        resources=[resources.read(row) for row in resource_rows],
        shortest_service=timedelta(minutes=salon_rows[0]["shortest_minutes"]),
    )


async def ask(database: Database, question: Question, *more: sql.SQL) -> Sequence[Sequence[Row]]:
    """The rows of all statements, and of more that the question has the parameters for."""
    return await database.read_together((*_STATEMENTS, *more), _parameters(question))


async def rehearse(connection: Connection) -> None:
    """Ask for nobody's salon: a new connection reads PostgreSQL's catalogs before somebody waits for an answer."""
    nobodys = Question(new_id(), (), (), _LONG_AGO, _LONG_AGO + timedelta(days=1))
    for statement in _STATEMENTS:
        await connection.execute(statement, _parameters(nobodys))


def _parameters(question: Question) -> Mapping[str, object]:
    return {
        "salon_id": question.salon_id,
        "service_ids": list(question.service_ids),
        "staff_ids": list(question.staff_ids),
        "every_service": not question.service_ids,
        "everybody": not question.staff_ids,
        "start": question.start,
        "end": question.end,
    }


def expect_all(asked: Collection[UUID], rows: Sequence[Row], missing: type[NotFound]) -> None:
    """Raises: `missing` when one of the asked ids has no row."""
    if not {row["id"] for row in rows}.issuperset(asked):
        raise missing


def schedules_of(
    salon_row: Row, staff_rows: Sequence[Row], window: Interval
) -> tuple[schedule.SalonSchedule, Sequence[schedule.StaffSchedule]]:
    """The rules that count in the window: those of the salon, and by row those of its staff."""
    salon = salon_schedule(salon_row, window)
    days = schedule.days_that_reach(salon.zone, window)
    first_weekday = roster.first_weekday_of(salon_row["territory_code"])
    rosters = [
        roster.roster_of(
            row["id"],
            hours.read_availability(row),
            [schedule.TimeOff(row["id"], interval(one)) for one in row["time_off"]],
            days,
            first_weekday,
        )
        for row in staff_rows
    ]
    return salon, rosters


def _workers(salon_row: Row, staff_rows: Sequence[Row], question: Question) -> Sequence[Worker]:
    window = (int(question.start.timestamp()), int(question.end.timestamp()))
    salon, rosters = schedules_of(salon_row, staff_rows, window)
    working = schedule.resolve(salon, rosters, question.start, question.end)
    return [Worker(staff.read(row), working[row["id"]]) for row in staff_rows]
