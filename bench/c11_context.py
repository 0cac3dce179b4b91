"""C11: all that booking needs of ten staff over 31 days, in one call to catalog."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from itertools import count

import grpc
from kursi.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from kursi.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from kursi_chassis.grpc.times import timestamp
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
    """One caller at a time: it is the time of a call that has a limit. Each asks for other weeks, so that no answer is one
    that was worked out before; how long those take is told as well.
    """
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
    first = midnight_ahead(2)
    later = (first + timedelta(seconds=number) for number in count(1))
    metadata = [("authorization", f"Bearer {await _service_token(platform)}")]
    async with grpc.aio.insecure_channel(platform.address("catalog")) as channel:
        stub = catalog_service_pb2_grpc.CatalogInternalServiceStub(channel)

        def asking(begin: datetime) -> Awaitable[object]:
            request = catalog_service_pb2.GetBookingContextRequest(
                salon_id=salon.salon_id,
                start_time=timestamp(begin),
                end_time=timestamp(begin + timedelta(days=DAYS)),
            )
            return stub.GetBookingContext(request, timeout=10, metadata=metadata)

        anew = await closed_loop(1, effort.seconds, lambda _: asking(next(later)))
        again = await closed_loop(1, effort.seconds, lambda _: asking(first))
    p99_ms = anew.percentile_ms(0.99)
    return Figure(
        id="C11",
        job="booking context, 10 staff × 31 days",
        measured=f"p99 {p99_ms:.1f} ms",
        limit=f"{LIMIT_MS:.0f} ms",
        ratio=p99_ms / LIMIT_MS,
        goal="≤ 1",
        met=p99_ms <= LIMIT_MS,
        details={
            "p50_ms": round(anew.percentile_ms(0.5), 1),
            "again_p50_ms": round(again.percentile_ms(0.5), 1),
            "again_p99_ms": round(again.percentile_ms(0.99), 1),
        },
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
