"""slots50: free times of fifty staff over 31 days with five thousand bookings, through the gateway as JSON."""

from datetime import timedelta
from urllib.parse import urlencode

from kursi_local.client import Api
from kursi_local.platform import Platform

from bench.effort import FULL, Effort
from bench.load import HTTPConnection, Load, closed_loop
from bench.r3_slots import insert_claims, taken_half_hours
from bench.report import Figure
from bench.stage import Salon, midnight_ahead, open_salon

STAFF = 50
DAYS = 31
BOOKINGS = 5000
LIMIT_MS = 150.0


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """One caller at a time: it is the time of a call that has a limit. The salon is open around the clock."""
    first = midnight_ahead(2)
    with Api.of(platform) as api:
        salon = open_salon(api, staff=STAFF)
    insert_claims(
        platform.database_url("booking", "owner"), taken_half_hours(salon, first, days=DAYS, number=BOOKINGS)
    )
    asked = {
        "serviceIds": salon.service_id,
        "startTime": first.isoformat(),
        "endTime": (first + timedelta(days=DAYS)).isoformat(),
    }
    connection = await HTTPConnection.open("127.0.0.1", platform.port("gateway"))
    load, size = await _ask(connection, salon, asked, effort.seconds)
    naming_all, large = await _ask(connection, salon, {**asked, "staffLimit": str(STAFF)}, effort.seconds)
    connection.close()
    p99_ms = load.percentile_ms(0.99)
    return Figure(
        id="slots50",
        job="free times, 50 staff × 31 days, through the gateway",
        measured=f"p99 {p99_ms:.0f} ms",
        limit=f"{LIMIT_MS:.0f} ms",
        ratio=p99_ms / LIMIT_MS,
        goal="≤ 1",
        met=p99_ms <= LIMIT_MS,
        details={
            "p50_ms": round(load.percentile_ms(0.5)),
            "kilobytes": size // 1000,
            "naming_all_p50_ms": round(naming_all.percentile_ms(0.5)),
            "naming_all_p99_ms": round(naming_all.percentile_ms(0.99)),
            "naming_all_kilobytes": large // 1000,
        },
    )


async def _ask(
    connection: HTTPConnection, salon: Salon, asked: dict[str, str], seconds: float
) -> tuple[Load, int]:
    """The same question again and again, and how long its answer is."""
    request = (
        f"GET /v1/salons/{salon.salon_id}/slots?{urlencode(asked)} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()
    )
    size = len(await _answer(connection, request))
    return await closed_loop(1, seconds, lambda _: _answer(connection, request)), size


async def _answer(connection: HTTPConnection, request: bytes) -> bytes:
    status, body = await connection.send(request)
    if status != 200:
        message = f"the gateway answers {status}: {body[:300]!r}"
        raise RuntimeError(message)
    return body
