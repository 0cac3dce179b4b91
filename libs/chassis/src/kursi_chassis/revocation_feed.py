"""What identity took back reaches every server within a second or two, by its events.

revocations = Revocations(clock)
verifier = TokenVerifier(..., revocations=revocations)
feed = RevocationFeed(nats_client, revocations, clock)
yield {"serve": together(server.run, feed.run)}
"""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import nats.errors
from google.protobuf.message import DecodeError
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from prometheus_client import Counter, Gauge

from kursi_chassis.caller import Role
from kursi_chassis.clock import Clock
from kursi_chassis.events.connection import news
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.grpc.tokens import LEEWAY, TOKEN_LIFETIME, Revocations
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause

_STREAM = STREAMS["identity"]
_PREFIX = "kursi.identity.v1."
_SESSION_REVOKED = f"{_PREFIX}session.revoked"
_MEMBERSHIP_GRANTED = f"{_PREFIX}membership.granted"
_MEMBERSHIP_REVOKED = f"{_PREFIX}membership.revoked"
# Tokens live for a quarter of an hour, so older news concerns nobody; the margin is for clocks that differ.
_LOOK_BACK = TOKEN_LIFETIME + 2 * LEEWAY + timedelta(minutes=1)
_RETRY_SECONDS = 0.5

FOLLOWED = Counter("kursi_revocations_followed_total", "Revocations learned from identity's events")
FOLLOWING = Gauge("kursi_revocations_following", "1 while this process hears of revocations, 0 otherwise")

log = get_logger()


class RevocationFeed:
    """Follows identity's stream and tells `revocations` of every session and membership that ended or changed.

    Every process has a consumer of its own, which the server forgets when the process is gone; after a start
    or a lost connection it begins again far enough back that no living token is missed. To hear of something
    twice changes nothing.
    """

    def __init__(self, nats_client: Client, revocations: Revocations, clock: Clock) -> None:
        self._nats = nats_client
        self._jetstream = nats_client.jetstream()
        self._revocations = revocations
        self._clock = clock

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
                log.warning("revocations_not_followed", error=type(error).__name__)
                await pause(stopping, _RETRY_SECONDS)
            finally:
                FOLLOWING.set(0)

    async def _subscribe(self) -> JetStreamContext.PullSubscription:
        await ensure_stream(self._jetstream, _STREAM)
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_TIME,
            opt_start_time=self._clock.now() - _LOOK_BACK,
            ack_policy=api.AckPolicy.NONE,
            filter_subjects=[_SESSION_REVOKED, _MEMBERSHIP_GRANTED, _MEMBERSHIP_REVOKED],
            inactive_threshold=30.0,
            mem_storage=True,
        )
        return await self._jetstream.pull_subscribe("", stream=_STREAM.name, config=config)

    async def _follow(self, subscription: JetStreamContext.PullSubscription, stopping: asyncio.Event) -> None:
        """Until `stopping` is set or the connection was lost: what was on its way then is not sent again."""
        reconnects = self._reconnects()
        while not stopping.is_set() and self._reconnects() == reconnects:
            FOLLOWING.set(1)
            for message in await news(subscription):
                self._apply(message)

    def _reconnects(self) -> int:
        return self._nats.stats["reconnects"]

    def _apply(self, message: Msg) -> None:
        try:
            if message.subject == _SESSION_REVOKED:
                session = events_pb2.SessionEvent.FromString(message.data)
                self._revocations.revoke_session(UUID(session.session_id), _instant(session))
            else:
                member = events_pb2.MembershipEvent.FromString(message.data)
                left = Role[member.role.upper()] if member.role else Role.CUSTOMER
                self._revocations.revoke_membership(
                    UUID(member.user_id), UUID(member.salon_id), _instant(member), left
                )
        except (DecodeError, KeyError, ValueError) as error:
            log.warning("revocation_unreadable", subject=message.subject, error=type(error).__name__)
            return
        FOLLOWED.inc()


def _instant(event: events_pb2.SessionEvent | events_pb2.MembershipEvent) -> datetime:
    return event.occur_time.ToDatetime(UTC)
