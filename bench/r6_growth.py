"""R6: what a growing database does to the answers: one salon alone in it, and the same one among ten million bookings."""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import grpc
import psycopg
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import (
    booking_pb2,
    booking_service_pb2,
    booking_service_pb2_grpc,
    calendar_service_pb2,
    calendar_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
)
from kursi_local.client import Api, Session
from kursi_local.outside import invented_number
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.growth import Trade, grow
from bench.load import closed_loop, percentile_ms
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon
from bench.twin import twin_of_booking

BEFORE = 10_000
PER_SALON = 10_000
"""Nine visits a day for three years."""
STAFF = 10
GOAL = 1.3
TURNS = 20
WARM_UP = 5
LARGE = 10
"""One salon has a tenth of all bookings: 40 people, the busiest one there is."""

Calls = dict[str, Callable[[int], Awaitable[object]]]


@dataclass(frozen=True)
class Place:
    """A salon, its owner, one of its customers, and accounts that booked little."""

    salon: Salon
    owner: Session
    customer: Session
    newcomers: Iterator[str]
    days: Iterator[int]
    """Days ahead on which nobody has created anything yet."""

    def trade(self, visits: int, per_day: int) -> Trade:
        """The salon with so many visits."""
        salon = self.salon
        return Trade(
            *(salon.salon_id, salon.staff_ids, [salon.service_id], visits, per_day), self.customer.user_id
        )


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """The same calls to a copy from before the growth and to what has grown, one caller at a time: it is the time of a call
    that must not grow. In turns, so that a machine whose speed changes is as fast for both.
    """
    with Api.of(platform) as api:
        place, large = (_place(api, staff, 4 + int(10 * effort.seconds)) for staff in (STAFF, 4 * STAFF))
        url = _superuser(platform)
        grow(url, [place.trade(BEFORE, 9)])
        with twin_of_booking(platform, url) as twin:
            spent = await asyncio.to_thread(grow, url, _others(large, effort.bookings))
            before, after = await _times([twin, platform.address("booking")], place, effort.seconds)
        (in_large,) = await _times([platform.address("booking")], large, effort.seconds)
    ratios = {name: after[name] / before[name] for name in before}
    worst = max(ratios, key=lambda name: ratios[name])
    return Figure(
        id="R6",
        job=f"a salon of {BEFORE:,} bookings among {_rows(url):,}",
        measured=f"{worst} p50 {after[worst]:.1f} ms",
        limit=f"alone {before[worst]:.1f} ms",
        ratio=ratios[worst],
        goal=f"≤ {GOAL} for each",
        met=ratios[worst] <= GOAL,
        details={
            **{name: f"{before[name]:.1f} → {after[name]:.1f} ms" for name in before},
            **{f"{name}_of_the_largest": f"{in_large[name]:.1f} ms" for name in in_large},
            **{f"seconds_for_{name}": seconds for name, seconds in spent.items()},
        },
    )


def _place(api: Api, staff: int, newcomers: int) -> Place:
    owner = api.login(invented_number(), name="Bench owner")
    accounts = [api.login(invented_number()).user_id for _ in range(newcomers)]
    return Place(
        open_salon(api, staff, owner),
        owner,
        api.login(invented_number()),
        itertools.cycle(accounts),
        itertools.count(40),
    )


def _others(large: Place, bookings: int) -> list[Trade]:
    """One salon with a tenth of all, and as many of the usual size as the rest makes."""
    biggest = large.trade(bookings // LARGE, 274)
    usual = max((bookings - bookings // LARGE) // PER_SALON - 1, 1)
    return [biggest, *(_invented() for _ in range(usual))]


def _invented() -> Trade:
    staff = [str(uuid.uuid4()) for _ in range(STAFF)]
    return Trade(str(uuid.uuid4()), staff, [str(uuid.uuid4())], PER_SALON, 9)


def _superuser(platform: Platform) -> str:
    return (
        f"postgresql://postgres:{platform.secret('postgres')}@127.0.0.1:{platform.port('postgres')}/booking"
    )


def _rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM booking_items").fetchone()
    return int(row[0]) if row else 0


async def _times(addresses: Sequence[str], place: Place, seconds: float) -> list[dict[str, float]]:
    """The median milliseconds of each call, at each address."""
    place.owner.renew()
    place.customer.renew()
    options = [("grpc.max_receive_message_length", 2**26)]
    times: list[dict[str, float]] = [{} for _ in addresses]
    async with AsyncExitStack() as stack:
        channels = [grpc.aio.insecure_channel(address, options=options) for address in addresses]
        calls = [_calls(await stack.enter_async_context(channel), place) for channel in channels]
        for name in calls[0]:
            found: list[list[float]] = [[] for _ in addresses]
            for turn in range(-WARM_UP, TURNS):
                for one, latencies in zip(calls, found, strict=True):
                    load = await closed_loop(1, seconds / TURNS, one[name])
                    if turn >= 0:  # those before warm the caches of both sides
                        latencies.extend(load.latencies)
            for here, latencies in zip(times, found, strict=True):
                here[name] = percentile_ms(latencies, 0.5)
    return times


def _calls(channel: grpc.aio.Channel, place: Place) -> Calls:
    bookings = booking_service_pb2_grpc.BookingServiceStub(channel)
    calendars = calendar_service_pb2_grpc.CalendarServiceStub(channel)
    reports = report_service_pb2_grpc.ReportServiceStub(channel)
    salon_id, listed = place.salon.salon_id, booking_service_pb2.ListBookingsRequest
    owner, customer = _bearer(place.owner), _bearer(place.customer)
    salon_list = listed(salon_id=salon_id)
    pending = listed(salon_id=salon_id, states=[booking_pb2.Booking.PENDING])
    words = listed(salon_id=salon_id, text="haircut window")
    rare = listed(salon_id=salon_id, text="henna")
    slots = booking_service_pb2.ListSlotsRequest(
        salon_id=salon_id, service_ids=[place.salon.service_id], start_time=_at(1), end_time=_at(32)
    )
    week = calendar_service_pb2.GetCalendarRequest(salon_id=salon_id, start_time=_at(-3), end_time=_at(4))
    today = datetime.now(UTC).date()
    month = report_service_pb2.GetReportRequest(
        salon_id=salon_id,
        name="revenue",
        first_date=str(today - timedelta(days=30)),
        last_date=str(today),
        group_by=report_service_pb2.GetReportRequest.STAFF,
    )
    return {
        "slots": lambda _: bookings.ListSlots(slots, timeout=10),
        "own_list": lambda _: bookings.ListBookings(listed(), timeout=10, metadata=customer),
        "salon_list": lambda _: bookings.ListBookings(salon_list, timeout=10, metadata=owner),
        "pending_list": lambda _: bookings.ListBookings(pending, timeout=10, metadata=owner),
        "text": lambda _: bookings.ListBookings(words, timeout=10, metadata=owner),
        "rare_text": lambda _: bookings.ListBookings(rare, timeout=10, metadata=owner),
        "calendar": lambda _: calendars.GetCalendar(week, timeout=10, metadata=owner),
        "report": lambda _: reports.GetReport(month, timeout=10, metadata=owner),
        "create": _create(bookings, place, owner),
    }


def _create(
    bookings: "booking_service_pb2_grpc.BookingServiceAsyncStub", place: Place, owner: list[tuple[str, str]]
) -> Callable[[int], Awaitable[object]]:
    """Each call books a time that nobody asked for, for one of many accounts."""
    times = (
        (staff_id, _at(day, half_hour))
        for day in place.days
        for half_hour in range(48)
        for staff_id in place.salon.staff_ids
    )

    def call(_: int) -> Awaitable[object]:
        staff_id, start = next(times)
        item = booking_service_pb2.WantedItem(service_id=place.salon.service_id, staff_id=staff_id)
        request = booking_service_pb2.CreateBookingRequest(
            salon_id=place.salon.salon_id,
            start_time=start,
            items=[item],
            customer_id=next(place.newcomers),
            request_id=str(uuid.uuid4()),
        )
        return bookings.CreateBooking(request, timeout=10, metadata=owner)

    return call


def _bearer(session: Session) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {session.access_token}")]


def _at(days: int, half_hours: int = 0) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(midnight_ahead(days) + timedelta(minutes=30 * half_hours))
    return stamp
