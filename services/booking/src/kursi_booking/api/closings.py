"""What closes a start, on the wire."""

from kursi.booking.v1 import availability_service_pb2 as pb

from kursi_booking.domain.closing import Closing, Row, Source
from kursi_booking.domain.closing_texts import message, remedy_for_customers, remedy_for_members
from kursi_booking.domain.policy import Party

_SOURCES = {
    Source.PLATFORM: pb.SlotRow.PLATFORM,
    Source.SALON: pb.SlotRow.OF_SALON,
    Source.SERVICE: pb.SlotRow.OF_SERVICE,
}


def closing_message(it: Closing, language: str, party: Party) -> pb.SlotClosing:
    """A rule with its row, in the caller's language; what to do about it depends on whose it is to do."""
    remedy = remedy_for_members if party is Party.SALON else remedy_for_customers
    return pb.SlotClosing(
        rule=pb.SlotClosing.Rule.Value(it.rule.value),
        message=message(it, language),
        remedy=remedy(it, language),
        row=_row(it.row) if it.row else None,
    )


def _row(it: Row) -> pb.SlotRow:
    row = pb.SlotRow(
        type=pb.SlotRow.Type.Value(it.type.value),
        id=it.row_id,
        field=it.name,
        value=it.value,
        source=_SOURCES[it.source] if it.source else pb.SlotRow.SOURCE_UNSPECIFIED,
        date=it.day.isoformat() if it.day else "",
    )
    if it.during is not None:
        row.start_time.seconds, row.end_time.seconds = it.during
    return row
