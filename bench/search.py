"""C2: search over 5,000 salons, the sixty golden queries one after the other, over gRPC."""

from datetime import UTC, datetime
from itertools import cycle

import grpc
import psycopg
from kursi.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from kursi_catalog.store import openings
from kursi_chassis.db.database import Connection
from kursi_local.platform import Platform

from bench.city import invented_salons, settle
from bench.effort import FULL, Effort
from bench.golden import GOLDEN
from bench.load import closed_loop
from bench.report import Figure

LIMIT_MS = 50.0


async def measure(platform: Platform, effort: Effort = FULL) -> Figure:
    """One caller at a time: it is the time of a call that has a limit."""
    await _settle(platform, effort.salons)
    questions = cycle(_questions())
    async with grpc.aio.insecure_channel(platform.address("catalog")) as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        load = await closed_loop(1, effort.seconds, lambda _: stub.SearchSalons(next(questions), timeout=10))
    p99_ms = load.percentile_ms(0.99)
    return Figure(
        id="search",
        job=f"search over {effort.salons} salons, 60 queries in turn",
        measured=f"p99 {p99_ms:.1f} ms",
        limit=f"{LIMIT_MS:.0f} ms",
        ratio=p99_ms / LIMIT_MS,
        goal="≤ 1",
        met=p99_ms <= LIMIT_MS,
        details={"p50_ms": round(load.percentile_ms(0.5), 1), "calls": load.calls},
    )


def _questions() -> list[catalog_service_pb2.SearchSalonsRequest]:
    """The golden queries; their instants lie in the tests' time, so they ask for what is open now instead."""
    questions = []
    for question, _ in GOLDEN.values():
        request = catalog_service_pb2.SearchSalonsRequest(**question)
        if request.HasField("open_time"):
            request.ClearField("open_time")
            request.open_now = True
        questions.append(request)
    return questions


async def _settle(platform: Platform, number: int) -> None:
    """Put the salons into catalog's database, unless they are there."""
    address = platform.database_url("catalog")
    # The driver's own connection: so many rows take longer than a service gives its database.
    async with await psycopg.AsyncConnection.connect(address) as connection:
        cursor = await connection.execute("SELECT count(*) FROM salons WHERE slug LIKE 'invented-%'")
        if await cursor.fetchone() == (number,):
            return
        await settle(connection, number)
    ids = [one.id for one in invented_salons(number)]
    async with await Connection.connect(address) as connection:
        for first in range(0, number, 200):
            await openings.refresh(connection, ids[first : first + 200], datetime.now(UTC))
    # What autovacuum does within a minute of so many new rows.
    owner = platform.database_url("catalog", "owner")
    async with await psycopg.AsyncConnection.connect(owner, autocommit=True) as connection:
        await connection.execute(
            "VACUUM ANALYZE search_salons, search_offers, search_index, search_vocabulary, salons"
        )
