"""R4: booking events to notification rows.

The limit: the same events published bare, and one inbox transaction for each by pgbench.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi_chassis.events.connection import close_nats, connect_nats
from kursi_chassis.events.envelope import MESSAGE_ID, Event
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseFactory, DatabaseUrls
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import NatsServer, PostgresServer, free_port

from bench.effort import FULL, Effort
from bench.pgbench import pgbench
from bench.report import Figure

WINDOW = 500
LONGEST_SECONDS = 120.0
# One transaction as a consumer must do it at the least: the inbox row and the two rows of the two people who are told.
INBOX_TRANSACTION = """
BEGIN;
INSERT INTO inbox (consumer, event_id) VALUES ('bench', gen_random_uuid());
INSERT INTO bench_rows (id, recipient_id, facts) VALUES
    (uuidv7(), gen_random_uuid(), '{"a": 1}'), (uuidv7(), gen_random_uuid(), '{"a": 1}');
COMMIT;
"""
BENCH_ROWS = (
    "CREATE TABLE bench_rows (id uuid PRIMARY KEY, recipient_id uuid NOT NULL UNIQUE, facts jsonb NOT NULL)"
)


async def measure(effort: Effort = FULL) -> Figure:
    """Publish a backlog, then let one messaging process turn it into rows."""
    with _servers() as (postgres, nats, base):
        with DatabaseFactory.of(postgres) as databases:
            urls = databases.create("messaging")
        client = await connect_nats(nats.url, name="bench")
        jetstream = client.jetstream()
        await ensure_stream(jetstream, STREAMS["booking"])
        began = time.perf_counter()
        await _publish(jetstream, _events(effort.events))
        publishing = effort.events / (time.perf_counter() - began)
        seconds, rows = await _consume(urls, nats.url, base / "messaging.log", effort.events)
        with psycopg.connect(urls.superuser, autocommit=True) as connection:
            connection.execute(BENCH_ROWS)
        transactions = await asyncio.to_thread(
            pgbench, urls.superuser, INBOX_TRANSACTION, clients=8, seconds=effort.whole_seconds
        )
        await close_nats(client)
    limit = 1 / (1 / publishing + 1 / transactions)
    rate = effort.events / seconds
    return Figure(
        id="R4",
        job="booking events to notification rows",
        measured=f"{rate:.0f} events/s",
        limit=f"bare {limit:.0f}/s",
        ratio=rate / limit,
        goal="≥ 0.5",
        met=rate / limit >= 0.5,
        details={
            "rows_per_event": round(rows / effort.events, 1),
            "bare_publish_per_s": round(publishing),
            "bare_transactions_per_s": round(transactions),
        },
    )


@contextmanager
def _servers() -> Iterator[tuple[PostgresServer, NatsServer, Path]]:
    base = Path(tempfile.mkdtemp(prefix="kursi-bench-"))
    base.chmod(0o755)  # PostgreSQL's user must be able to walk through
    postgres = PostgresServer(base / "postgres", free_port(), {"max_connections": "200"})
    nats = NatsServer(base / "nats", free_port())
    try:
        postgres.start()
        nats.start()
        yield postgres, nats, base
    finally:
        nats.stop()
        postgres.stop()
        shutil.rmtree(base, ignore_errors=True)


def _events(count: int) -> list[Event]:
    now = datetime.now(UTC)
    return [_event(now, minutes=number) for number in range(count)]


def _event(now: datetime, minutes: int) -> Event:
    booking, salon = new_id(), new_id()
    begin, end, occurred = Timestamp(), Timestamp(), Timestamp()
    begin.FromDatetime(now + timedelta(days=10, minutes=minutes))
    end.FromDatetime(now + timedelta(days=10, minutes=minutes + 30))
    occurred.FromDatetime(now)
    item = BookingEvent.Item(
        service_id=str(new_id()),
        service_names={"en": "Haircut", "ar": "قص شعر"},
        staff_id=str(new_id()),
        staff_user_id=str(new_id()),
        staff_names={"en": "Noura", "ar": "نورة"},
        start_time=begin,
        end_time=end,
    )
    body = BookingEvent(
        type=BookingEvent.CREATED,
        booking_id=str(booking),
        salon_id=str(salon),
        salon_names={"en": "Rose", "ar": "روز"},
        time_zone="Asia/Riyadh",
        territory_code="SA",
        customer_id=str(new_id()),
        state=BookingEvent.STATE_PENDING,
        revision=1,
        actor="system",
        occur_time=occurred,
        start_time=begin,
        end_time=end,
        items=[item],
    )
    for money in (body.total, body.prepayment, body.paid, body.items[0].price):
        money.currency_code, money.amount_minor = "SAR", 10_000
    return Event(
        type="kursi.booking.v1.created",
        subject=f"kursi.booking.v1.{salon}.{booking}.created",
        aggregate_id=booking,
        revision=1,
        payload=body.SerializeToString(),
        occurred_at=now,
    )


async def _publish(jetstream: object, events: list[Event]) -> None:
    for start in range(0, len(events), WINDOW):
        await asyncio.gather(
            *(
                jetstream.publish(  # type: ignore[attr-defined]  # the client ships no types
                    event.subject,
                    event.payload,
                    headers={**event.wire_headers(), MESSAGE_ID: str(event.event_id)},
                )
                for event in events[start : start + WINDOW]
            )
        )


async def _consume(urls: DatabaseUrls, nats_url: str, log: Path, events: int) -> tuple[float, int]:
    """Seconds from the first row to the last event handled, and how many rows there are then."""
    environment = {
        "KURSI_MESSAGING_DATABASE_URL": urls.app,
        "KURSI_MESSAGING_NATS_URL": nats_url,
        "KURSI_MESSAGING_CLIENT_SECRET": "bench",
        "KURSI_MESSAGING_TOKEN_ISSUER": "http://bench",
        "KURSI_MESSAGING_PAGE_TOKEN_KEY": "bench-bench-bench-bench",
    }
    with log.open("wb") as output, psycopg.connect(urls.superuser, autocommit=True) as connection:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "kursi_messaging",
            "consume",
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
        try:
            await eventually(lambda: _count(connection, "inbox"), timeout=LONGEST_SECONDS)
            began, already = time.perf_counter(), _count(connection, "inbox")
            await eventually(lambda: _count(connection, "inbox") >= events, timeout=LONGEST_SECONDS)
            seconds = time.perf_counter() - began
            return seconds * events / max(1, events - already), _count(connection, "notifications")
        finally:
            process.terminate()
            await process.wait()


def _count(connection: psycopg.Connection[tuple[int]], table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return row[0] if row else 0
