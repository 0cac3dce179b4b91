"""From the bytes of events that are told by themselves to what planning understands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi.booking.events.v1.calendar_events_pb2 import CalendarConflictEvent
from kursi.booking.events.v1.series_events_pb2 import SeriesEvent
from kursi_chassis.events.envelope import unreadable_is_poison

from kursi_messaging.consumers.decoding import accounts_of, item_facts, moment, money, reference
from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.calendar import CalendarClash
from kursi_messaging.domain.series import SeriesChange
from kursi_messaging.domain.words import BookingState, Event

_SERIES_NEWS: Final[Mapping[int, Event]] = {
    SeriesEvent.SERIES_CREATED: Event.SERIES_CREATED,
    SeriesEvent.SERIES_CANCELLED: Event.SERIES_CANCELLED,
    SeriesEvent.SERIES_CONFIRMED: Event.SERIES_CONFIRMED,
}


@unreadable_is_poison
def series_change(payload: bytes, traceparent: str = "") -> SeriesChange | None:
    """Read an event of a series; None for a change that this version does not know.

    Raises:
        Poison: the bytes are no such event, or lack what every one of them has.
    """
    event = SeriesEvent.FromString(payload)
    told_as = _SERIES_NEWS.get(event.type)
    if told_as is None:
        return None
    return SeriesChange(
        event=told_as,
        occurrence=f"{UUID(event.series_id)}@{event.revision}",
        salon_id=UUID(event.salon_id),
        customer_id=UUID(event.customer_id),
        staff_user_ids=accounts_of(item for visit in event.visits for item in visit.items),
        visits=tuple(_visit(visit) for visit in event.visits),
        facts=_facts_of_series(event),
        occurred_at=moment(event, "occur_time"),
        traceparent=traceparent,
    )


@unreadable_is_poison
def calendar_clash(payload: bytes, traceparent: str = "") -> CalendarClash:
    """Read an event of a clash.

    Raises:
        Poison: the bytes are no such event, or lack what every one of them has.
    """
    event = CalendarConflictEvent.FromString(payload)
    return CalendarClash(
        conflict_id=UUID(event.conflict_id),
        salon_id=UUID(event.salon_id),
        booking_id=UUID(event.booking_id),
        booking_revision=event.booking_revision,
        staff_user_id=UUID(event.staff_user_id) if event.staff_user_id else None,
        facts={
            "reference": reference(event.booking_id),
            "salon_names": dict(event.salon_names),
            "time_zone": event.time_zone,
            "start": moment(event, "start_time").isoformat(),
            "end": moment(event, "end_time").isoformat(),
            "clash_start": moment(event, "clash_start_time").isoformat(),
            "clash_end": moment(event, "clash_end_time").isoformat(),
        },
        occurred_at=moment(event, "occur_time"),
        traceparent=traceparent,
    )


def _visit(visit: SeriesEvent.Visit) -> Facts:
    return {
        "booking_id": str(UUID(visit.booking_id)),
        "revision": visit.revision,
        "start": moment(visit, "start_time").isoformat(),
        "end": moment(visit, "end_time").isoformat(),
        "items": item_facts(visit.items),
    }


def _facts_of_series(event: SeriesEvent) -> Facts:
    """What is true of all visits together. `customer_id` is for the staff's messages, which name the customer."""
    is_certain = all(visit.state == BookingEvent.STATE_CONFIRMED for visit in event.visits)
    return {
        "reference": reference(event.series_id),
        "state": (BookingState.CONFIRMED if is_certain else BookingState.PENDING).value,
        "salon_names": dict(event.salon_names),
        "time_zone": event.time_zone,
        "customer_id": str(UUID(event.customer_id)),
        "total": money(event.total),
        **({"fee": money(event.fee)} if event.HasField("fee") else {}),
        **({"refund": money(event.refund)} if event.HasField("refund") else {}),
        **({"reason": event.reason} if event.reason else {}),
        **({"walk_in": True} if event.walk_in else {}),
    }
