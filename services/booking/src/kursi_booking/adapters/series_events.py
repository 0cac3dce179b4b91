"""Changes of several visits of a series at once, as one event besides those of the visits."""

from functools import reduce
from operator import add

from kursi.booking.events.v1 import series_events_pb2 as events_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_booking.adapters.booking_events import STATES, item_message, money_message
from kursi_booking.domain.booking import Booking
from kursi_booking.domain.series import SeriesEventType, SeriesNews

_SCHEMA = "kursi.booking.events.v1.SeriesEvent"
_TYPES = {kind: events_pb2.SeriesEvent.Type.Value(kind.name) for kind in SeriesEventType}


def describe_series(news: SeriesNews) -> Event:
    """The event for the outbox."""
    what, salon_id = news.type.value, news.visits[0].salon_id
    return Event(
        type=f"kursi.booking.v1.{what}",
        subject=f"kursi.booking.v1.{salon_id}.{news.series_id}.{what}",
        aggregate_id=news.series_id,
        revision=news.revision,
        payload=_message(news).SerializeToString(deterministic=True),
        occurred_at=news.act.at,
        schema=_SCHEMA,
    )


def _message(news: SeriesNews) -> events_pb2.SeriesEvent:
    any_visit = news.visits[0]
    message = events_pb2.SeriesEvent(
        type=_TYPES[news.type],
        series_id=str(news.series_id),
        salon_id=str(any_visit.salon_id),
        salon_names=any_visit.salon.names,
        time_zone=any_visit.salon.time_zone,
        territory_code=any_visit.salon.territory_code,
        customer_id=str(any_visit.customer_id),
        revision=news.revision,
        actor=news.act.actor,
        occur_time=timestamp(news.act.at),
        start_time=timestamp(min(visit.during.start for visit in news.visits)),
        end_time=timestamp(max(visit.during.end for visit in news.visits)),
        total=money_message(reduce(add, (visit.price for visit in news.visits))),
        reason=news.act.reason,
        walk_in=any_visit.guest_name is not None,
        visits=[_visit(visit) for visit in news.visits],
    )
    if news.outcome is not None:
        message.fee.CopyFrom(money_message(news.outcome.fee))
        message.refund.CopyFrom(money_message(news.outcome.refund))
    return message


def _visit(visit: Booking) -> events_pb2.SeriesEvent.Visit:
    return events_pb2.SeriesEvent.Visit(
        booking_id=str(visit.booking_id),
        revision=visit.revision,
        state=STATES[visit.state],
        start_time=timestamp(visit.during.start),
        end_time=timestamp(visit.during.end),
        items=[item_message(item) for item in visit.items],
    )
