"""Streams and durable consumers, declared in code and brought about at start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stream:
    """A service's events. One publisher, the service's relay; everybody may consume."""

    name: str
    subjects: tuple[str, ...]
    max_age: timedelta = 30 * DAY
    duplicate_window: timedelta = timedelta(minutes=2)

    def config(self, replicas: int) -> api.StreamConfig:
        return api.StreamConfig(
            name=self.name,
            subjects=list(self.subjects),
            # Not a work queue: after a database is restored from a backup, history must be there to replay.
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            max_age=self.max_age.total_seconds(),
            duplicate_window=self.duplicate_window.total_seconds(),
            deny_delete=True,
            num_replicas=replicas,
        )


STREAMS: Mapping[str, Stream] = {
    domain: Stream(name=domain.upper(), subjects=(f"kursi.{domain}.v1.>",))
    for domain in ("identity", "catalog", "booking", "payment", "messaging")
}


async def ensure_stream(jetstream: JetStreamContext, stream: Stream, *, replicas: int = 1) -> None:
    """Make the stream, or change the one that is there to what is declared. Keeps its messages."""
    config = stream.config(replicas)
    try:
        present = (await jetstream.stream_info(stream.name)).config
    except NotFoundError:
        await jetstream.add_stream(config)
        return
    if _differs(config, present):
        await jetstream.update_stream(config)


async def ensure_consumer(
    jetstream: JetStreamContext,
    stream: str,
    durable: str,
    filter_subjects: Sequence[str],
    *,
    ack_wait: timedelta = timedelta(seconds=30),
    max_ack_pending: int = 256,
) -> None:
    """Make the durable pull consumer, or change the one that is there. It keeps its place in the stream.

    Deliveries are unlimited: a database that is down for an hour must not cost an event. Giving up on poison
    is our own decision, with its own count.
    """
    config = api.ConsumerConfig(
        durable_name=durable,
        filter_subjects=list(filter_subjects),
        ack_policy=api.AckPolicy.EXPLICIT,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_wait=ack_wait.total_seconds(),
        max_ack_pending=max_ack_pending,
        max_deliver=-1,
    )
    try:
        present = (await jetstream.consumer_info(stream, durable)).config
    except NotFoundError:
        await jetstream.add_consumer(stream, config)
        return
    if _differs(config, present):
        await jetstream.add_consumer(stream, config)


def _differs(wanted: api.Base, present: api.Base) -> bool:
    """Whether a declared value is another one on the server, which fills in defaults for the rest."""
    there = present.as_dict()
    return any(there.get(name) != value for name, value in wanted.as_dict().items())
