"""Why people do not work at times, and where policies come from: of one snapshot, from what the booking context is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from kursi_chassis.db.database import Database
from kursi_chassis.intervals import Interval
from psycopg import sql

from kursi_catalog.domain.closing import Closing, Situation, closing_of
from kursi_catalog.domain.errors import SalonNotFound, ServiceNotFound, StaffNotFound
from kursi_catalog.domain.policy import Policy, Source, effective
from kursi_catalog.domain.schedule import TimeOff
from kursi_catalog.queries.context import Question, ask, expect_all, schedules_of
from kursi_catalog.store import policies
from kursi_catalog.store.rows import Row

_ABSENCES = sql.SQL("""
SELECT NULL::uuid AS staff_id, x.id, floor(extract(epoch FROM x.start_time))::bigint AS first,
    ceil(extract(epoch FROM x.end_time))::bigint AS last
FROM closures x WHERE x.salon_id = %(salon_id)s AND x.end_time > %(start)s AND x.start_time < %(end)s
UNION ALL
SELECT x.staff_id, x.id, floor(extract(epoch FROM x.start_time))::bigint, ceil(extract(epoch FROM x.end_time))::bigint
FROM time_off x WHERE x.staff_id = ANY (%(staff_ids)s) AND x.end_time > %(start)s AND x.start_time < %(end)s
""")


class StaffSpan(NamedTuple):
    """A span throughout which somebody would have to work."""

    staff_id: UUID
    span: Interval


@dataclass(frozen=True, slots=True)
class Explained:
    """Per span what closes it, if anything; per service where the values of its policy come from."""

    closings: Sequence[Closing | None]
    sources: Sequence[Mapping[str, Source]]


async def explain_working_time(
    database: Database,
    platform: Policy,
    salon_id: UUID,
    spans: Sequence[StaffSpan],
    service_ids: Sequence[UUID],
) -> Explained:
    """What closes each span, by the rules as they stand now.

    Raises: SalonNotFound, ServiceNotFound, StaffNotFound.
    """
    question = Question(
        salon_id=salon_id,
        service_ids=frozenset(service_ids),
        staff_ids=frozenset(one.staff_id for one in spans),
        start=datetime.fromtimestamp(min((one.span[0] for one in spans), default=0), UTC),
        end=datetime.fromtimestamp(max((one.span[1] for one in spans), default=0), UTC),
    )
    answers = await ask(database, question, _ABSENCES)
    salon_rows, service_rows, staff_rows, _, policy_rows, absence_rows = answers
    if not salon_rows:
        raise SalonNotFound
    expect_all(question.service_ids, service_rows, ServiceNotFound)
    expect_all(question.staff_ids, staff_rows, StaffNotFound)
    levels = policies.read_levels(policy_rows)
    return Explained(
        closings=_closings(salon_rows[0], staff_rows, _absences(absence_rows), spans, question),
        sources=[effective(platform, levels, service_id).sources for service_id in service_ids],
    )


def _absences(rows: Sequence[Row]) -> Mapping[UUID | None, list[TimeOff]]:
    """Closures (without anybody) and times off, by whom they are of."""
    found: dict[UUID | None, list[TimeOff]] = {}
    for row in rows:
        found.setdefault(row["staff_id"], []).append(TimeOff(row["id"], (row["first"], row["last"])))
    return found


def _closings(
    salon_row: Row,
    staff_rows: Sequence[Row],
    absences: Mapping[UUID | None, Sequence[TimeOff]],
    spans: Sequence[StaffSpan],
    question: Question,
) -> Sequence[Closing | None]:
    window = int(question.start.timestamp()), int(question.end.timestamp())
    salon, rosters = schedules_of(salon_row, staff_rows, window)
    members = {one.staff_id: replace(one, time_off=tuple(absences.get(one.staff_id, ()))) for one in rosters}
    closures = absences.get(None, ())
    return [
        closing_of(Situation(question.salon_id, salon, closures, members[one.staff_id], one.span))
        for one in spans
    ]
