"""R1: a REST read through the gateway, held against the same call over gRPC to the same server."""

import statistics

import grpc
from kursi.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from kursi_local.client import Api
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import HTTPConnection, Load, closed_loop, cpu_seconds
from bench.report import Figure
from bench.stage import open_salon

CLIENTS = 16


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """Rounds of REST and gRPC in turn; the median of each, and the gateway's processor time per request."""
    with Api.of(platform) as api:
        salon_id = open_salon(api).salon_id
        gateway = platform.entry("gateway").kin
        envoy = gateway.pid if gateway else 0
        rest, direct, spent = [], [], []
        for _ in range(effort.rounds):
            before = cpu_seconds(envoy)
            rest.append(await _rest(platform.port("gateway"), salon_id, effort))
            spent.append((cpu_seconds(envoy) - before) / rest[-1].calls * 1e6)
            direct.append(await _direct(platform.address("catalog"), salon_id, effort))
    through = statistics.median(load.per_second for load in rest)
    limit = statistics.median(load.per_second for load in direct)
    cpu = statistics.median(spent)
    return Figure(
        id="R1",
        job="read a salon through the gateway",
        measured=f"{through:.0f}/s",
        limit=f"gRPC {limit:.0f}/s",
        ratio=through / limit,
        goal="≥ 0.75, gateway ≤ 200 µs CPU",
        met=through / limit >= 0.75 and cpu <= 200,
        details={
            "gateway_cpu_us": round(cpu),
            "rest_p50_ms": round(rest[-1].percentile_ms(0.5), 2),
            "rest_p99_ms": round(rest[-1].percentile_ms(0.99), 2),
            "grpc_p50_ms": round(direct[-1].percentile_ms(0.5), 2),
        },
    )


async def _rest(port: int, salon_id: str, effort: Effort) -> Load:
    connections = [await HTTPConnection.open("127.0.0.1", port) for _ in range(CLIENTS)]
    request = f"GET /v1/salons/{salon_id} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()

    async def call(number: int) -> None:
        status, _ = await connections[number].send(request)
        if status != 200:
            message = f"the gateway answered {status}"
            raise RuntimeError(message)

    try:
        return await closed_loop(CLIENTS, effort.seconds, call)
    finally:
        for connection in connections:
            connection.close()


async def _direct(address: str, salon_id: str, effort: Effort) -> Load:
    async with grpc.aio.insecure_channel(address) as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        request = catalog_service_pb2.GetSalonRequest(salon_id=salon_id)
        return await closed_loop(CLIENTS, effort.seconds, lambda _: stub.GetSalon(request, timeout=10))
