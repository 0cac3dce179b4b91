"""C11: all that booking needs of ten staff over 31 days, in one call to catalog."""

from datetime import timedelta

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from kursi.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from kursi_local.client import Api
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import closed_loop
from bench.report import Figure
from bench.stage import midnight_ahead, open_salon

STAFF = 10
DAYS = 31
LIMIT_MS = 15.0


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """One caller at a time: it is the time of a call that has a limit."""
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
    begin, end = Timestamp(), Timestamp()
    begin.FromDatetime(midnight_ahead(2))
    end.FromDatetime(midnight_ahead(2) + timedelta(days=DAYS))
    request = catalog_service_pb2.GetBookingContextRequest(
        salon_id=salon.salon_id, start_time=begin, end_time=end
    )
    metadata = [("authorization", f"Bearer {await _service_token(platform)}")]
    async with grpc.aio.insecure_channel(platform.address("catalog")) as channel:
        stub = catalog_service_pb2_grpc.CatalogInternalServiceStub(channel)
        load = await closed_loop(
            1, effort.seconds, lambda _: stub.GetBookingContext(request, timeout=10, metadata=metadata)
        )
    p99_ms = load.percentile_ms(0.99)
    return Figure(
        id="C11",
        job="booking context, 10 staff × 31 days",
        measured=f"p99 {p99_ms:.1f} ms",
        limit=f"{LIMIT_MS:.0f} ms",
        ratio=p99_ms / LIMIT_MS,
        goal="≤ 1",
        met=p99_ms <= LIMIT_MS,
        details={"p50_ms": round(load.percentile_ms(0.5), 1)},
    )


async def _service_token(platform: Platform) -> str:
    """The token that booking calls catalog with."""
    request = identity_service_pb2.IssueServiceTokenRequest(
        client_id="booking", client_secret=platform.secret("booking.client")
    )
    async with grpc.aio.insecure_channel(platform.address("identity")) as channel:
        issued = await identity_service_pb2_grpc.IdentityInternalServiceStub(channel).IssueServiceToken(
            request, timeout=10
        )
    return str(issued.access_token)
