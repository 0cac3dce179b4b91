"""Following identity's revocations through a lost connection."""

import asyncio
from datetime import UTC, datetime

from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi_chassis.clock import SystemClock
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.grpc.tokens import Identity, Revocations
from kursi_chassis.ids import new_id
from kursi_chassis.revocation_feed import RevocationFeed
from kursi_chassis.testing.eventually import eventually
from nats.errors import StaleConnectionError
from prometheus_client import REGISTRY


def heard_of() -> float:
    return REGISTRY.get_sample_value("kursi_revocations_followed_total") or 0


async def test_after_a_lost_connection_nothing_that_was_on_its_way_is_missed(nats_client):
    jetstream, session = nats_client.jetstream(), new_id()
    await ensure_stream(jetstream, STREAMS["identity"])
    event = events_pb2.SessionEvent(session_id=str(session), occur_time=timestamp(datetime.now(UTC)))
    await jetstream.publish("kursi.identity.v1.session.revoked", event.SerializeToString())
    revocations, stopping = Revocations(SystemClock()), asyncio.Event()
    following = asyncio.create_task(RevocationFeed(nats_client, revocations, SystemClock()).run(stopping))
    try:
        await eventually(lambda: revocations.covers(Identity(0, 0, session_id=session)))
        before = heard_of()

        await nats_client._process_op_err(StaleConnectionError())

        await eventually(lambda: heard_of() > before)
    finally:
        stopping.set()
        await following
