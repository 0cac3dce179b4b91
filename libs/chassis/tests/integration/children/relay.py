"""A relay as a process of its own, to be killed. Arguments: database URL, NATS URL."""

import asyncio
import sys
from datetime import timedelta

from kursi_chassis.db.database import Database
from kursi_chassis.events.connection import connect_nats
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import Stream


async def main(database_url: str, nats_url: str) -> None:
    database = await Database.open(database_url, pool_size=1, application_name="relay-child")
    client = await connect_nats(nats_url, name="relay-child")
    stream = Stream(name="TEST", subjects=("kursi.test.v1.>",))
    await Relay(database, client, stream, ack_timeout=timedelta(seconds=1)).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
