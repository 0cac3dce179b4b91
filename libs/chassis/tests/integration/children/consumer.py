"""A consumer as a process of its own, to be killed. Arguments: database URL, NATS URL, where to hang.

It hangs for ever either `before` or `after` the commit of its effects.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from kursi_chassis.db.database import Database
from kursi_chassis.events import inbox
from kursi_chassis.events.connection import connect_nats
from kursi_chassis.events.consumer import EventConsumer, Limits, Subscription
from kursi_chassis.events.envelope import ReceivedEvent
from kursi_chassis.events.streams import Stream


async def main(database_url: str, nats_url: str, hang: str) -> None:
    database = await Database.open(database_url, pool_size=2, application_name="consumer-child")
    client = await connect_nats(nats_url, name="consumer-child")

    async def handle(events: Sequence[ReceivedEvent]) -> None:
        async with database.transaction() as connection:
            for event_id in await inbox.claim(connection, "c1", [event.event_id for event in events]):
                await connection.execute(
                    "INSERT INTO effects (event_id, by_whom) VALUES (%s, 'child')", [event_id]
                )
            if hang == "before":
                await asyncio.Event().wait()
        await asyncio.Event().wait()

    await EventConsumer(
        client,
        database,
        Subscription(Stream(name="TEST", subjects=("kursi.test.v1.>",)), "c1", ["kursi.test.v1.>"], handle),
        limits=Limits(ack_wait=timedelta(seconds=1)),
    ).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
