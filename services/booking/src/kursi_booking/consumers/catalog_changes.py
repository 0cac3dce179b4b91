"""Every process hears of the salons that changed, so that what it keeps of the catalog is as good as asked for anew."""

import asyncio
from typing import Protocol
from uuid import UUID

import nats.errors
from google.protobuf.message import DecodeError
from kursi.catalog.events.v1.catalog_events_pb2 import CatalogChangedEvent
from kursi_chassis.events.connection import news
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

_STREAM = STREAMS["catalog"]
_SUBJECTS = ("kursi.catalog.v1.*.changed",)
_RETRY_SECONDS = 0.5

log = get_logger()


class Kept(Protocol):
    """What is kept of the catalog."""

    def heard_of(self, salon_id: UUID, version: int) -> None:
        """The salon has reached this version."""
        ...

    def heard_nothing(self) -> None:
        """Changes may have been missed."""
        ...


class CatalogChanges:
    """Follows the catalog's stream from now on, with a consumer of its own that the broker forgets when the process is
    gone. Whatever was kept before it listens, or listens again, counts as unchecked.
    """

    def __init__(self, nats_client: Client, kept: Kept) -> None:
        self._jetstream = nats_client.jetstream()
        self._kept = kept

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until `stopping` is set, whatever happens to the broker meanwhile."""
        while not stopping.is_set():
            try:
                subscription = await self._subscribe()
                try:
                    await self._follow(subscription, stopping)
                finally:
                    # An open subscription would keep the closing of the connection waiting for its messages.
                    await subscription.unsubscribe()
            except (nats.errors.Error, TimeoutError, OSError) as error:
                log.warning("catalog_changes_not_followed", error=type(error).__name__)
                await pause(stopping, _RETRY_SECONDS)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        await ensure_stream(self._jetstream, _STREAM)
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.NEW,
            ack_policy=api.AckPolicy.NONE,
            filter_subjects=list(_SUBJECTS),
            inactive_threshold=30.0,
            mem_storage=True,
        )
        subscription = await self._jetstream.pull_subscribe("", stream=_STREAM.name, config=config)
        self._kept.heard_nothing()
        return subscription

    async def _follow(self, subscription: JetStreamContext.PullSubscription, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            for message in await news(subscription):
                self._tell(message)

    def _tell(self, message: Msg) -> None:
        try:
            change = CatalogChangedEvent.FromString(message.data)
            self._kept.heard_of(UUID(change.salon_id), change.version)
        except (DecodeError, ValueError) as error:
            log.warning("catalog_change_unreadable", subject=message.subject, error=type(error).__name__)
