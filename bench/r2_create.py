"""R2: the whole CreateBooking call over gRPC, held against pgbench running the same statement on the same server."""

import asyncio
import statistics
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2, booking_service_pb2_grpc
from kursi_local.client import Api
from kursi_local.outside import invented_number
from kursi_local.platform import Platform

from bench.create_sql import script
from bench.effort import FULL, Effort
from bench.load import Load, closed_loop
from bench.pgbench import pgbench
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon

CLIENTS = 32
STAFF = 10
Slots = Iterator[tuple[str, Timestamp]]


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """Rounds of calls and of pgbench in turn; the median of each."""
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
        # A customer may have a hundred open bookings: every round has customers of its own.
        crowds = [
            [api.login(invented_number()).access_token for _ in range(CLIENTS)] for _ in range(effort.rounds)
        ]
        slots = _slots(salon)
        calls, limits = [], []
        for tokens in crowds:
            calls.append(await _create(platform.address("booking"), salon, tokens, slots, effort.seconds))
            limits.append(
                await asyncio.to_thread(_limit, platform.database_url("booking"), effort.whole_seconds)
            )
    through, limit = statistics.median(load.per_second for load in calls), statistics.median(limits)
    return Figure(
        id="R2",
        job="create a booking over gRPC, distinct times",
        measured=f"{through:.0f}/s",
        limit=f"pgbench {limit:.0f}/s",
        ratio=through / limit,
        goal="≥ 0.25",
        met=through / limit >= 0.25,
        details={
            "p50_ms": round(calls[-1].percentile_ms(0.5), 1),
            "p99_ms": round(calls[-1].percentile_ms(0.99), 1),
            "clients": CLIENTS,
        },
    )


def _limit(url: str, seconds: int) -> float:
    return pgbench(url, script(), clients=CLIENTS, seconds=seconds)


def _slots(salon: Salon) -> Slots:
    """Every staff member's every half hour of two months: nobody asks for the same time twice."""
    for days, half_hours, staff_id in product(range(2, 62), range(48), salon.staff_ids):
        start = Timestamp()
        start.FromDatetime(midnight_ahead(days) + timedelta(minutes=30 * half_hours))
        yield staff_id, start


async def _create(address: str, salon: Salon, tokens: list[str], slots: Slots, seconds: float) -> Load:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = booking_service_pb2_grpc.BookingServiceStub(channel)

        async def call(number: int) -> None:
            staff_id, start = next(slots)
            item = booking_service_pb2.WantedItem(service_id=salon.service_id, staff_id=staff_id)
            request = booking_service_pb2.CreateBookingRequest(
                salon_id=salon.salon_id, start_time=start, items=[item], request_id=str(uuid.uuid4())
            )
            await stub.CreateBooking(
                request, timeout=10, metadata=[("authorization", f"Bearer {tokens[number]}")]
            )

        return await closed_loop(CLIENTS, seconds, call)
