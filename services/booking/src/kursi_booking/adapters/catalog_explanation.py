"""What the catalog says about closed times, and how it is asked."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from kursi.catalog.v1 import catalog_service_pb2
from kursi_chassis.grpc.times import EARLIEST, LATEST

from kursi_booking.domain.closing import ClosedBy, Closing, Row, RowType, Source
from kursi_booking.ports.explaining import CatalogWord, UnitSpan

_Word = catalog_service_pb2.WorkingTimeExplanation
_FIRST, _LAST = int(EARLIEST.timestamp()), int(LATEST.timestamp()) - 1

RULES: Mapping[int, tuple[ClosedBy, RowType]] = {
    _Word.SALON_CLOSED: (ClosedBy.SALON_CLOSED, RowType.CLOSURE),
    _Word.OUTSIDE_OPENING_HOURS: (ClosedBy.OUTSIDE_OPENING_HOURS, RowType.OPENING_HOURS),
    _Word.OPENING_BREAK: (ClosedBy.OPENING_BREAK, RowType.OPENING_HOURS),
    _Word.PRAYER_BREAK: (ClosedBy.PRAYER_BREAK, RowType.PRAYER_TIMES),
    _Word.TIME_OFF: (ClosedBy.TIME_OFF, RowType.TIME_OFF),
    _Word.DATE_OVERRIDDEN: (ClosedBy.DATE_OVERRIDDEN, RowType.DATE_OVERRIDE),
    _Word.NOT_ROSTERED: (ClosedBy.NOT_ROSTERED, RowType.SCHEDULE),
    _Word.BREAK: (ClosedBy.BREAK, RowType.SCHEDULE),
}


def explanation_request(
    salon_id: UUID, spans: Sequence[UnitSpan], service_ids: Sequence[UUID]
) -> catalog_service_pb2.ExplainWorkingTimeRequest:
    """The question. What of a span lies beyond all that can be asked about is as closed as the end of it."""
    return catalog_service_pb2.ExplainWorkingTimeRequest(
        salon_id=str(salon_id),
        spans=[
            catalog_service_pb2.ExplainWorkingTimeRequest.Span(
                staff_id=str(unit_id),
                start_seconds=_asked(start, _FIRST, _LAST - 1),
                end_seconds=_asked(end, _FIRST + 1, _LAST),
            )
            for unit_id, (start, end) in spans
        ],
        service_ids=map(str, service_ids),
    )


def read_explanation(word: _Word) -> CatalogWord:
    """The answer. A rule that a newer catalog knows and this program does not is told as none."""
    return CatalogWord(
        closings=[_closing(one) for one in word.closings],
        sources={
            UUID(policy.service_id): {
                name: Source(number) for name, number in policy.sources.items() if number
            }
            for policy in word.policies
        },
    )


def _closing(message: _Word.Closing) -> Closing | None:
    known = RULES.get(message.rule)
    if known is None:
        return None
    rule, row_type = known
    during = (message.start_seconds, message.end_seconds) if message.end_seconds else None
    row = Row(row_type, message.row_id, day=date.fromisoformat(message.date), during=during)
    return Closing(rule, row, {"date": message.date})


def _asked(moment: int, first: int, last: int) -> int:
    return min(max(moment, first), last)
