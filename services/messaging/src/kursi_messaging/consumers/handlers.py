"""Which events are consumed, and who takes them into account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar
from uuid import UUID

from kursi_chassis.events.consumer import Subscription, ignored
from kursi_chassis.events.envelope import ReceivedEvent
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.telemetry import parse_traceparent

from kursi_messaging.consumers import decoding, decoding_news
from kursi_messaging.domain.news import News
from kursi_messaging.usecases.planning import Planner
from kursi_messaging.usecases.planning_news import NewsPlanner
from kursi_messaging.usecases.planning_offers import OfferPlanner

BOOKINGS: Final = "messaging-bookings"
PAYMENTS: Final = "messaging-payments"
PEOPLE: Final = "messaging-people"
_OF_ENTRIES: Final = "kursi.booking.v1.waitlist_"
_OF_SERIES: Final = "kursi.booking.v1.series_"
_CLASH: Final = "kursi.booking.v1.conflict_detected"

Read = TypeVar("Read")


class Handlers:
    """What the consumers call with each batch."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._offers = OfferPlanner(planner)
        self._news = NewsPlanner(planner)

    def subscriptions(self) -> Sequence[Subscription]:
        """Everything that messaging listens to."""
        return (
            Subscription(STREAMS["booking"], BOOKINGS, ["kursi.booking.v1.>"], self.bookings),
            Subscription(STREAMS["payment"], PAYMENTS, ["kursi.payment.v1.>"], self.payments),
            Subscription(STREAMS["identity"], PEOPLE, ["kursi.identity.v1.user.>"], self.people),
        )

    async def bookings(self, events: Sequence[ReceivedEvent]) -> None:
        """Events of booking: of its bookings, series and waiting lists, and of calendars that clash with it."""
        entries = [event for event in events if event.type.startswith(_OF_ENTRIES)]
        series = [event for event in events if event.type.startswith(_OF_SERIES)]
        clashes = [event for event in events if event.type == _CLASH]
        others = [
            event
            for event in events
            if not event.type.startswith((_OF_ENTRIES, _OF_SERIES)) and event.type != _CLASH
        ]
        await self._planner.take_bookings(BOOKINGS, _read(BOOKINGS, others, decoding.booking_change))
        await self._offers.take(BOOKINGS, _read(BOOKINGS, entries, decoding.waitlist_change))
        news: dict[UUID, News] = {
            **_read(BOOKINGS, series, decoding_news.series_change),
            **_read(BOOKINGS, clashes, decoding_news.calendar_clash),
        }
        await self._news.take(BOOKINGS, news)

    async def payments(self, events: Sequence[ReceivedEvent]) -> None:
        """Events of payment."""
        await self._planner.take_payments(PAYMENTS, _read(PAYMENTS, events, decoding.payment_change))

    async def people(self, events: Sequence[ReceivedEvent]) -> None:
        """Events about accounts."""
        await self._planner.take_people(PEOPLE, _read(PEOPLE, events, decoding.person))


def _read(
    consumer: str, events: Sequence[ReceivedEvent], decode: Callable[[bytes, str], Read | None]
) -> dict[UUID, Read]:
    """The events that say something to us, by id; the others are counted."""
    known: dict[UUID, Read] = {}
    for event in events:
        meaning = decode(event.payload, _trace_of(event))
        if meaning is None:
            ignored(consumer, event)
        else:
            known[event.event_id] = meaning
    return known


def _trace_of(event: ReceivedEvent) -> str:
    """What its messages keep. No span is opened: a batch is one transaction for events of many traces."""
    header = event.headers.get("traceparent", "")
    return header if parse_traceparent(header) else ""
