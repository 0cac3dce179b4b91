"""B6: sixty-four clients rush for twenty times through the gateway; everybody gets a clean answer, soon."""

import asyncio
import json
import statistics
import time
from collections.abc import Mapping
from datetime import timedelta

from kursi_local.client import Api
from kursi_local.outside import invented_number
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import HTTPConnection
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon

CLIENTS = 64
SLOTS = 20
LIMIT_MS = 250.0


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """Several rushes, each for times that nobody had; latencies of all attempts together."""
    return await _measure("B6", "64 clients on 20 times through the gateway", platform, effort)


async def measure_whole(platform: Platform, effort: Effort = FULL) -> Figure:
    """The same on the platform of `make run`, where the messages about the bookings before go out meanwhile."""
    return await _measure("rush", "the same while messages go out", platform, effort)


async def _measure(figure_id: str, job: str, platform: Platform, effort: Effort) -> Figure:
    with Api.of(platform) as api:
        salon = open_salon(api)
        tokens = [api.login(invented_number()).access_token for _ in range(CLIENTS)]
    connections = [await HTTPConnection.open("127.0.0.1", platform.port("gateway")) for _ in range(CLIENTS)]
    latencies: list[float] = []
    slowest: list[float] = []
    for round_number in range(effort.rushes):
        answers = await asyncio.gather(
            *(
                _attempts(connections[client], salon, tokens[client], client, round_number)
                for client in range(CLIENTS)
            )
        )
        statuses = [status for attempts in answers for status, _ in attempts]
        if statuses.count(200) != SLOTS or set(statuses) != {200, 409}:
            message = f"{statuses.count(200)} of {SLOTS} times were sold; answers: {sorted(set(statuses))}"
            raise RuntimeError(message)
        rush = [seconds for attempts in answers for _, seconds in attempts]
        latencies += rush
        slowest.append(max(rush))
    for connection in connections:
        connection.close()
    p99_ms = statistics.quantiles(latencies, n=100)[98] * 1000
    return Figure(
        id=figure_id,
        job=job,
        measured=f"p99 {p99_ms:.0f} ms",
        limit=f"{LIMIT_MS:.0f} ms",
        ratio=p99_ms / LIMIT_MS,
        goal="≤ 1",
        met=p99_ms <= LIMIT_MS,
        details={
            "p50_ms": round(statistics.median(latencies) * 1000),
            "attempts": len(latencies),
            "slowest_of_each_rush_ms": ", ".join(f"{seconds * 1000:.0f}" for seconds in slowest),
        },
    )


async def _attempts(
    connection: HTTPConnection, salon: Salon, token: str, client: int, round_number: int
) -> list[tuple[int, float]]:
    """Try one time after the other, each client from another one on, until all were asked for."""
    answers = []
    for attempt in range(4):
        start = midnight_ahead(3 + round_number) + timedelta(minutes=30 * ((client + attempt * 5) % SLOTS))
        body = {
            "salonId": salon.salon_id,
            "startTime": start.isoformat(),
            "items": [{"serviceId": salon.service_id}],
        }
        began = time.perf_counter()
        status, _ = await connection.send(_request(body, token))
        answers.append((status, time.perf_counter() - began))
    return answers


def _request(body: Mapping[str, object], token: str) -> bytes:
    content = json.dumps(body).encode()
    head = (
        "POST /v1/bookings HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
