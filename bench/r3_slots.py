"""R3: free times of ten staff over 31 days with a thousand bookings, held against the bare engine without any I/O."""

import random
import statistics
import time
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import grpc
import psycopg
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2, booking_service_pb2_grpc
from kursi_booking.domain.availability import Question, Supply, find_openings
from kursi_booking.domain.start_rule import Counters, Limits, SlotRules, StartPolicy, StartRules
from kursi_booking.domain.visit import Kind, RequestedService, Requirement, Segment, Visit
from kursi_local.client import Api
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import Load, closed_loop
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon

STAFF = 10
DAYS = 31
BOOKINGS = 1000
HALF_HOUR = 1800
ROUNDS = 30


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """One caller at a time, so that it is the time of a call that is measured and not a queue."""
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
        first = midnight_ahead(2)
        taken = taken_half_hours(salon, first, days=DAYS, number=BOOKINGS)
        insert_claims(platform.database_url("booking", "owner"), taken)
        load, slots = await _ask(platform.address("booking"), salon, first, effort.seconds)
        bare_ms, openings = _bare(salon, first, taken)
    if slots != openings:
        message = f"the service offers {slots} times and the bare engine {openings}"
        raise RuntimeError(message)
    median_ms, p99_ms = load.percentile_ms(0.5), load.percentile_ms(0.99)
    return Figure(
        id="R3",
        job="free times, 10 staff × 31 days, 1,000 bookings",
        measured=f"p50 {median_ms:.1f} ms",
        limit=f"engine alone {bare_ms:.1f} ms",
        ratio=median_ms / bare_ms,
        goal="≤ 4, p99 < 50 ms",
        met=median_ms / bare_ms <= 4 and p99_ms < 50,
        details={"p99_ms": round(p99_ms, 1), "slots": slots},
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


async def _ask(address: str, salon: Salon, first: datetime, seconds: float) -> tuple[Load, int]:
    begin, end = Timestamp(), Timestamp()
    begin.FromDatetime(first)
    end.FromDatetime(first + timedelta(days=DAYS))
    request = booking_service_pb2.ListSlotsRequest(
        salon_id=salon.salon_id, service_ids=[salon.service_id], start_time=begin, end_time=end
    )
    async with grpc.aio.insecure_channel(
        address, options=[("grpc.max_receive_message_length", 2**26)]
    ) as channel:
        stub = booking_service_pb2_grpc.BookingServiceStub(channel)
        slots = len((await stub.ListSlots(request, timeout=10)).slots)
        return await closed_loop(1, seconds, lambda _: stub.ListSlots(request, timeout=10)), slots


def _bare(salon: Salon, first: datetime, taken: Taken) -> tuple[float, int]:
    """Milliseconds of the engine on data that it already has, and how many times it finds."""
    begin = int(first.timestamp())
    end = begin + DAYS * 86_400
    day = 86_400
    staff = tuple(UUID(staff_id) for staff_id in salon.staff_ids)
    service = RequestedService(
        UUID(salon.service_id), (Segment(HALF_HOUR, (Requirement(Kind.STAFF, "staff"),)),), {"staff": staff}
    )
    question = Question(
        Visit((service,)),
        Supply(
            {one: [(begin - day, end + day)] for one in staff},
            {UUID(one): times for one, times in taken.items()},
        ),
        StartRules(
            StartPolicy(ZoneInfo("Asia/Riyadh"), SlotRules(HALF_HOUR, 0, 400 * day)),
            int(time.time()),
            Limits(),
            Counters(),
        ),
    )
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        openings = find_openings(question, begin, end)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent), len(openings)
