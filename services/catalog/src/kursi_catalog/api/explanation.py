"""ExplainWorkingTime on the wire."""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.grpc.times import instant
from kursi_chassis.validation import Violations

from kursi_catalog.domain.closing import ClosedBy, Closing
from kursi_catalog.domain.policy import Source
from kursi_catalog.queries.explanation import Explained, StaffSpan

_Explanation = service_pb.WorkingTimeExplanation

_MOST_SPANS = 2000
_MOST_SERVICES = 200
_LONGEST_RANGE = timedelta(days=64)

RULES: Mapping[ClosedBy, _Explanation.Rule.ValueType] = {
    ClosedBy.CLOSURE: _Explanation.SALON_CLOSED,
    ClosedBy.OPENING_HOURS: _Explanation.OUTSIDE_OPENING_HOURS,
    ClosedBy.OPENING_BREAK: _Explanation.OPENING_BREAK,
    ClosedBy.PRAYER_BREAK: _Explanation.PRAYER_BREAK,
    ClosedBy.TIME_OFF: _Explanation.TIME_OFF,
    ClosedBy.OVERRIDE: _Explanation.DATE_OVERRIDDEN,
    ClosedBy.ROSTER: _Explanation.NOT_ROSTERED,
    ClosedBy.BREAK: _Explanation.BREAK,
}


class Asked(NamedTuple):
    """What is to be explained."""

    salon_id: UUID
    spans: list[StaffSpan]
    service_ids: list[UUID]


def asked_of(request: service_pb.ExplainWorkingTimeRequest) -> Asked:
    """Raises: Invalid."""
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        service_ids = check.ids("service_ids", request.service_ids, _MOST_SERVICES)
        check.count("spans", request.spans, _MOST_SPANS)
        spans = [_span(check, f"spans[{at}]", one) for at, one in enumerate(request.spans[:_MOST_SPANS])]
        bounds = [bound for one in spans for bound in one.span]
        if spans and max(bounds) - min(bounds) > _LONGEST_RANGE.total_seconds():
            check.add("spans", "RANGE_TOO_LONG", max=_LONGEST_RANGE)
    return Asked(salon_id, spans, service_ids)


def _span(check: Violations, field: str, span: service_pb.ExplainWorkingTimeRequest.Span) -> StaffSpan:
    start = instant(check, f"{field}.start_seconds", Timestamp(seconds=span.start_seconds))
    end = instant(check, f"{field}.end_seconds", Timestamp(seconds=span.end_seconds))
    if end <= start:
        check.add(f"{field}.end_seconds", "EMPTY_RANGE")
    staff_id = check.id(f"{field}.staff_id", span.staff_id)
    return StaffSpan(staff_id, (int(start.timestamp()), int(end.timestamp())))


def explanation(asked: Asked, it: Explained) -> _Explanation:
    return _Explanation(
        closings=map(_closing, it.closings),
        policies=[
            _Explanation.PolicySources(service_id=str(service_id), sources=_by_json_name(sources))
            for service_id, sources in zip(asked.service_ids, it.sources, strict=True)
        ],
    )


def _closing(it: Closing | None) -> _Explanation.Closing:
    if it is None:
        return _Explanation.Closing()
    start, end = it.during or (0, 0)
    return _Explanation.Closing(
        rule=RULES[it.rule],
        row_id=str(it.row_id),
        date=it.day.isoformat(),
        start_seconds=start,
        end_seconds=end,
    )


def _by_json_name(sources: Mapping[str, Source]) -> dict[str, pb.EffectivePolicy.Source.ValueType]:
    names = pb.Policy.DESCRIPTOR.fields_by_name
    return {
        names[name].json_name: pb.EffectivePolicy.Source.ValueType(source) for name, source in sources.items()
    }
