"""R3: free times of ten staff over 31 days with a thousand bookings, held against the bare engine without any I/O."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

import grpc
import psycopg
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2, booking_service_pb2_grpc
from kursi_booking.domain.availability import Opening, Question, Supply, find_openings
from kursi_booking.domain.start_rule import DAY, Counters, Limits, SlotRules, StartPolicy, StartRules
from kursi_booking.domain.visit import Kind, RequestedService, Requirement, Segment, Visit
from kursi_local.client import Api
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import percentile_ms
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon

STAFF = 10
DAYS = 31
BOOKINGS = 1000
HALF_HOUR = 1800


@dataclass(frozen=True)
class Turns:
    """Seconds of each call, of the bare engine after it, and of the engine once more at once."""

    calls: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    at_best: list[float] = field(default_factory=list)


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """One caller at a time, so that it is the time of a call that is measured and not a queue.

    Each call is held against the bare engine right after it: the speed of a machine changes within a second, and neither
    finds the caches as itself has left them. Asked once more at once, the engine is at its best; what the call is to
    that stands beside it.
    """
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
    first = midnight_ahead(2)
    taken = taken_half_hours(salon, first, days=DAYS, number=BOOKINGS)
    insert_claims(platform.database_url("booking", "owner"), taken)
    question, request = _question(salon, first, taken), _request(salon, first)
    openings = len(_find(question, first))
    async with grpc.aio.insecure_channel(
        platform.address("booking"), options=[("grpc.max_receive_message_length", 2**26)]
    ) as channel:
        stub = booking_service_pb2_grpc.BookingServiceStub(channel)
        slots = len((await stub.ListSlots(request, timeout=10)).slots)
        turns, stop = Turns(), time.perf_counter() + effort.seconds
        while not turns.calls or time.perf_counter() < stop:
            started = time.perf_counter()
            await stub.ListSlots(request, timeout=10)
            turns.calls.append(time.perf_counter() - started)
            turns.bare.append(_timed(question, first))
            turns.at_best.append(_timed(question, first))
    if slots != openings:
        message = f"the service offers {slots} times and the bare engine {openings}"
        raise RuntimeError(message)
    return _figure(turns, slots)


def _figure(turns: Turns, slots: int) -> Figure:
    ratio, p99_ms = _median_ratio(turns.calls, turns.bare), percentile_ms(turns.calls, 0.99)
    return Figure(
        id="R3",
        job="free times, 10 staff × 31 days, 1,000 bookings",
        measured=f"p50 {percentile_ms(turns.calls, 0.5):.1f} ms",
        limit=f"engine alone {percentile_ms(turns.bare, 0.5):.1f} ms",
        ratio=ratio,
        goal="≤ 4, p99 < 50 ms",
        met=ratio <= 4 and p99_ms < 50,
        details={
            "p99_ms": round(p99_ms, 1),
            "slots": slots,
            "to_engine_at_its_best": round(_median_ratio(turns.calls, turns.at_best), 2),
        },
    )


Taken = dict[str, list[tuple[int, int]]]


def taken_half_hours(salon: Salon, first: datetime, *, days: int, number: int) -> Taken:
    """So many half hours, spread over staff and days; the same on every run."""
    begin, staff_count = int(first.timestamp()), len(salon.staff_ids)
    places = random.Random(3).sample(range(staff_count * days * 48), number)
    taken: Taken = {staff_id: [] for staff_id in salon.staff_ids}
    for place in sorted(places):
        staff, half_hour = place % staff_count, place // staff_count
        taken[salon.staff_ids[staff]].append(
            (begin + half_hour * HALF_HOUR, begin + (half_hour + 1) * HALF_HOUR)
        )
    return taken


def insert_claims(url: str, taken: Taken) -> None:
    """Block the times, past the service."""
    rows = [(staff_id, start, end) for staff_id, times in taken.items() for start, end in times]
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO claims (resource_id, during, state) "
            "VALUES (%s, tstzrange(to_timestamp(%s), to_timestamp(%s)), 'blocked')",
            rows,
        )
        connection.commit()
        connection.autocommit = True
        cursor.execute("ANALYZE claims")


def _request(salon: Salon, first: datetime) -> booking_service_pb2.ListSlotsRequest:
    begin, end = Timestamp(), Timestamp()
    begin.FromDatetime(first)
    end.FromDatetime(first + timedelta(days=DAYS))
    return booking_service_pb2.ListSlotsRequest(
        salon_id=salon.salon_id, service_ids=[salon.service_id], start_time=begin, end_time=end
    )


def _question(salon: Salon, first: datetime, taken: Taken) -> Question:
    """What the engine is asked, all of it known already."""
    begin = int(first.timestamp())
    end = begin + DAYS * DAY
    staff = tuple(UUID(staff_id) for staff_id in salon.staff_ids)
    service = RequestedService(
        UUID(salon.service_id), (Segment(HALF_HOUR, (Requirement(Kind.STAFF, "staff"),)),), {"staff": staff}
    )
    return Question(
        Visit((service,)),
        Supply(
            {one: [(begin - DAY, end + DAY)] for one in staff},
            {UUID(one): times for one, times in taken.items()},
        ),
        StartRules(
            StartPolicy(ZoneInfo("Asia/Riyadh"), SlotRules(HALF_HOUR, 0, 400 * DAY)),
            int(time.time()),
            Limits(),
            Counters(),
        ),
    )


def _find(question: Question, first: datetime) -> list[Opening]:
    begin = int(first.timestamp())
    # A question keeps what it has worked out about free time, so each is a new one, as it is for a call.
    return find_openings(replace(question), begin, begin + DAYS * DAY)


def _timed(question: Question, first: datetime) -> float:
    started = time.perf_counter()
    _find(question, first)
    return time.perf_counter() - started


def _median_ratio(calls: Sequence[float], bare: Sequence[float]) -> float:
    return median(call / one for call, one in zip(calls, bare, strict=True))
