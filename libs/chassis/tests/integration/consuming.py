"""A consumer at work, and what comes of it."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

from kursi_chassis.events import inbox
from kursi_chassis.events.consumer import EventConsumer, Limits, Subscription
from kursi_chassis.events.envelope import Poison
from kursi_chassis.events.streams import Stream, ensure_stream

STREAM = Stream(name="TEST", subjects=("kursi.test.v1.>",))
QUICK = Limits(
    ack_wait=timedelta(seconds=30),  # nothing is delivered twice because a busy machine was slow
    first_delay=timedelta(milliseconds=20),
    longest_delay=timedelta(milliseconds=100),
    attempts=3,
    poison_run=5,
)
BRIEF = replace(QUICK, ack_wait=timedelta(seconds=1))
"""What nobody answers for comes back after a second."""


class Effects:
    """A handler as services write them: inbox and effect in one transaction."""

    def __init__(self, database) -> None:
        self.database = database
        self.batches: list[list] = []
        self.fail = lambda events: None

    async def __call__(self, events) -> None:
        self.batches.append([event.event_id for event in events])
        async with self.database.transaction() as connection:
            new = await inbox.claim(connection, "c1", [event.event_id for event in events])
            for event_id in new:
                await connection.execute("INSERT INTO effects (event_id) VALUES (%s)", [event_id])
            outcome = self.fail(events)
            if outcome is not None:
                await outcome

    @property
    def seen(self):
        return [event_id for batch in self.batches for event_id in batch]


@contextlib.asynccontextmanager
async def consuming(client, database, handle, limits=QUICK):
    stopping = asyncio.Event()
    consumer = EventConsumer(
        client, database, Subscription(STREAM, "c1", ["kursi.test.v1.>"], handle), limits=limits
    )
    task = asyncio.create_task(consumer.run(stopping))
    try:
        yield consumer
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)


async def publish(client, *events, payload=None):
    await ensure_stream(client.jetstream(), STREAM)
    for event in events:
        headers = {**event.wire_headers(), "Nats-Msg-Id": str(event.event_id)}
        await client.jetstream().publish(event.subject, event.payload, headers=headers)


async def query(database, sql, *parameters):
    async with database.snapshot() as connection:
        return await (await connection.execute(sql, parameters)).fetchall()


async def effects(database):
    return sorted(event_id for (event_id,) in await query(database, "SELECT event_id FROM effects"))


async def letters(database):
    return await query(
        database, "SELECT event_id, error_class, attempts, state FROM dead_letters ORDER BY stream_seq"
    )


async def nothing_pending(client):
    consumers = await client.jetstream().consumers_info("TEST")
    return [(info.num_ack_pending, info.num_pending) for info in consumers] == [(0, 0)]


def ids(events):
    return sorted(event.event_id for event in events)


def poisoning(victim):
    def fail(events):
        if victim.event_id in [event.event_id for event in events]:
            raise Poison("it breaks an invariant")

    return fail
