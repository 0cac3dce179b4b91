"""The consumer: takes events from a stream in batches and gives each back exactly one of four answers.

Handled (acknowledged), not now (given back with a delay), not yet given up (the same, counted), dead (kept
as a dead letter, never delivered again).

When many die in a row the reader may be to blame, and not they. From then on nothing dies: what fails is set
aside and comes first once something can be read again, by this process or by one with better code. So neither
a broken reader nor a flood of rubbish loses an event, stops a consumer or needs a hand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import nats.errors
import psycopg
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.events import metrics
from kursi_chassis.events.dead_letters import DeadLetter, DeadLetters
from kursi_chassis.events.envelope import Poison, ReceivedEvent, read, received
from kursi_chassis.events.streams import Stream, ensure_consumer, ensure_stream
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause

log = get_logger()

Handle = Callable[[Sequence[ReceivedEvent]], Awaitable[None]]

TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    Unavailable,
    ConnectionError,
    TimeoutError,
    nats.errors.Error,
)
"""Errors that say nothing about the event: the world around it is out of order."""

_SECONDS_BETWEEN_REPLAYS = 2.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which events of a stream are handled, by what, and under which name the broker keeps the place in the stream.

    `subjects` are NATS subjects, wildcards allowed. Another `durable` starts at the beginning of the stream.
    """

    stream: Stream
    durable: str
    subjects: Sequence[str]
    handle: Handle


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a consumer is.

    `ack_wait`: after this long without a sign of life an event goes to somebody else; while it is handled a
    sign is sent every half of it. `attempts`: failures of its own after which an event is dead. `poison_run`:
    after that many dead events in a row the consumer suspects itself, and sets aside what fails.
    The delay before attempt n+1 doubles from `first_delay` to `longest_delay`; the defaults give an event
    eight tries in about two minutes. So do the pauses between batches of which nothing could be read.
    """

    batch: int = 256
    ack_wait: timedelta = timedelta(seconds=30)
    attempts: int = 8
    poison_run: int = 20
    first_delay: timedelta = timedelta(seconds=1)
    longest_delay: timedelta = timedelta(seconds=60)

    def delay(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        doubled = self.first_delay.total_seconds() * 2.0 ** min(failures - 1, 16)
        return min(doubled, self.longest_delay.total_seconds())


@dataclass(frozen=True, slots=True)
class _Delivery:
    message: Msg
    event: ReceivedEvent


class EventConsumer:
    """One durable consumer of one stream. Run it in as many processes as you like; they share the work.

    `handle` gets a batch and has its effect in one transaction that claims the batch in the inbox first.
    It may raise `Poison` for an event that can never work; a batch that fails for any reason but a
    transient one is halved until the culprit stands alone, so `handle` sees events again in smaller batches.
    Events of unknown types are not errors: pass over them and call `ignored`.
    """

    def __init__(
        self,
        nats_client: Client,
        database: Database,
        subscription: Subscription,
        *,
        limits: Limits = Limits(),
        replicas: int = 1,
    ) -> None:
        self._jetstream = nats_client.jetstream()
        self._stream = subscription.stream
        self._durable = subscription.durable
        self._subjects = subscription.subjects
        self._handle = subscription.handle
        self._limits = limits
        self._replicas = replicas
        self._dead_letters = DeadLetters(database, subscription.durable, subscription.stream.name)
        self._transient_failures = 0
        self._deaths_in_a_row = 0
        self._batches_in_vain = 0
        # Whether the last event that was decided about could be read.
        self._can_read = False
        self._replays_due_at = 0.0

    @property
    def healthy(self) -> bool:
        """False from the moment in which too many events in a row have died until one is handled."""
        return self._deaths_in_a_row < self._limits.poison_run

    async def run(self, stopping: asyncio.Event) -> None:
        """Consume until `stopping` is set; returns within about a second, the batch at hand finished."""
        metrics.CONSUMER_HEALTHY.labels(self._durable).set(1)
        while not stopping.is_set():
            try:
                await self._consume(stopping)
            except (nats.errors.Error, TimeoutError, OSError) as error:
                log.warning("consumer_waits", consumer=self._durable, error=type(error).__name__)
                await pause(stopping, 1)

    async def _consume(self, stopping: asyncio.Event) -> None:
        await ensure_stream(self._jetstream, self._stream, replicas=self._replicas)
        await ensure_consumer(
            self._jetstream,
            self._stream.name,
            self._durable,
            self._subjects,
            ack_wait=self._limits.ack_wait,
            max_ack_pending=self._limits.batch,
        )
        subscription = await self._jetstream.pull_subscribe_bind(
            consumer=self._durable, stream=self._stream.name
        )
        try:
            while not stopping.is_set():
                if await self._replay_some():
                    continue  # what was set aside is older than what is still in the stream
                messages = await _fetch(subscription, self._limits.batch)
                if messages:
                    await self._take(messages)
                    await self._rest(stopping)
        finally:
            await _quietly(subscription.unsubscribe())

    async def _rest(self, stopping: asyncio.Event) -> None:
        """Leave the stream alone for a while after a batch that could not be handled."""
        if not self.healthy:
            self._batches_in_vain += 1
            await pause(stopping, self._limits.delay(self._batches_in_vain))
        elif self._transient_failures:
            await pause(stopping, min(self._limits.delay(self._transient_failures), 5))

    async def _take(self, messages: Sequence[Msg]) -> None:
        async with asyncio.TaskGroup() as tasks:
            heartbeat = tasks.create_task(_heartbeat(messages, self._limits.ack_wait / 2))
            try:
                deliveries = [
                    delivery for message in messages if (delivery := await self._decode(message)) is not None
                ]
                if deliveries:
                    await self._process(deliveries)
            finally:
                heartbeat.cancel()

    async def _decode(self, message: Msg) -> _Delivery | None:
        try:
            event = received(message)
        except Poison as error:
            await self._blame(message, None, error)
            return None
        if event.deliveries > 1:
            metrics.REDELIVERED.labels(self._durable).inc()
        return _Delivery(message, event)

    async def _process(self, deliveries: Sequence[_Delivery]) -> None:
        try:
            await self._handle([delivery.event for delivery in deliveries])
            await self._forgive(deliveries)
        except TRANSIENT as error:
            await self._postpone([delivery.message for delivery in deliveries], error)
        except Exception as error:  # whatever a handler raises is decided about here  # noqa: BLE001
            if len(deliveries) == 1:
                await self._blame(deliveries[0].message, deliveries[0].event, error)
                return
            middle = len(deliveries) // 2
            await self._process(deliveries[:middle])
            await self._process(deliveries[middle:])
        else:
            await self._acknowledge(deliveries)

    async def _acknowledge(self, deliveries: Sequence[_Delivery]) -> None:
        self._transient_failures = 0
        self._has_read()
        # An acknowledgement that is lost costs a redelivery, which the inbox answers.
        await asyncio.gather(*(_quietly(delivery.message.ack_sync(timeout=5)) for delivery in deliveries))
        metrics.HANDLED.labels(self._durable).inc(len(deliveries))

    async def _forgive(self, deliveries: Sequence[_Delivery]) -> None:
        again = [delivery.event.stream_seq for delivery in deliveries if delivery.event.deliveries > 1]
        if again:
            await self._dead_letters.forgive(again)

    async def _postpone(self, messages: Sequence[Msg], error: Exception) -> None:
        self._transient_failures += 1
        delay = self._limits.delay(self._transient_failures)
        log.warning(
            "events_postponed",
            consumer=self._durable,
            events=len(messages),
            seconds=delay,
            error=type(error).__name__,
        )
        metrics.POSTPONED.labels(self._durable, type(error).__name__).inc(len(messages))
        await asyncio.gather(*(_quietly(message.nak(delay)) for message in messages))

    async def _blame(self, message: Msg, event: ReceivedEvent | None, error: Exception) -> None:
        """This very event is the one that fails: count it, and bury it when that was the last try."""
        event_id = event.event_id if event else None
        limit = 1 if isinstance(error, Poison) else self._limits.attempts
        try:
            if not self.healthy:
                await self._dead_letters.set_aside(message, event_id, error)
                metrics.SET_ASIDE.labels(self._durable, type(error).__name__).inc()
                await _quietly(message.term())
                return
            verdict = await self._dead_letters.note(message, event_id, error, limit=limit)
        except TRANSIENT as trouble:
            await self._postpone([message], trouble)
            return
        told = log.bind(
            consumer=self._durable,
            stream_seq=message.metadata.sequence.stream,
            event_type=event.type if event else None,
            attempts=verdict.attempts,
        )
        if verdict.comes_back:
            told.warning("event_failed", error=type(error).__name__, exc_info=error)
            metrics.POSTPONED.labels(self._durable, type(error).__name__).inc()
            await _quietly(message.nak(self._limits.delay(verdict.attempts)))
            return
        told.error("event_died", error=type(error).__name__, exc_info=error)
        self._has_buried()
        metrics.DEAD.labels(self._durable, type(error).__name__).inc()
        await _quietly(message.term())

    def _has_buried(self) -> None:
        self._deaths_in_a_row += 1
        self._can_read = False
        if not self.healthy:
            log.error("consumer_suspects_itself", consumer=self._durable, events=self._deaths_in_a_row)
            metrics.CONSUMER_HEALTHY.labels(self._durable).set(0)

    def _has_read(self) -> None:
        if not self.healthy:
            log.info("consumer_recovered", consumer=self._durable)
            metrics.CONSUMER_HEALTHY.labels(self._durable).set(1)
            self._replays_due_at = 0.0
        self._deaths_in_a_row = self._batches_in_vain = 0
        self._can_read = True

    async def _replay_some(self) -> bool:
        """Try again, if it is time, what was set aside; whether there may be more to try at once."""
        if time.monotonic() < self._replays_due_at:
            return False
        self._replays_due_at = time.monotonic() + _SECONDS_BETWEEN_REPLAYS
        try:
            letters = await self._dead_letters.to_replay()
            for letter in letters:
                failure = await self._replay(letter)
                if failure is None:
                    self._has_read()
                # What fails dies, if this process can read others; if not, it stays aside.
                if self._can_read:
                    await self._dead_letters.settle(letter, failure)
        except TRANSIENT as error:
            log.warning("replays_wait", consumer=self._durable, error=type(error).__name__)
            return False
        if letters and self._can_read:
            self._replays_due_at = 0.0
            return True
        return False

    async def _replay(self, letter: DeadLetter) -> Exception | None:
        try:
            event = read(
                subject=letter.subject,
                headers=letter.headers,
                payload=letter.payload,
                stream_seq=letter.stream_seq,
                deliveries=letter.attempts + 1,
            )
            await self._handle([event])
        except TRANSIENT:
            raise
        except Exception as error:  # it goes back among the dead with its new reason  # noqa: BLE001
            return error
        return None


def ignored(consumer: str, event: ReceivedEvent) -> None:
    """Count an event of a type that this consumer does not know (yet). It is acknowledged like any other."""
    metrics.IGNORED.labels(consumer, event.type).inc()


async def _fetch(subscription: JetStreamContext.PullSubscription, batch: int) -> list[Msg]:
    try:
        return await subscription.fetch(batch, timeout=1)
    except TimeoutError:
        return []


async def _heartbeat(messages: Sequence[Msg], every: timedelta) -> None:
    """Tell the broker that the unanswered ones are still being worked on, so that nobody else gets them."""
    while True:
        await asyncio.sleep(every.total_seconds())
        for message in messages:
            if not message.is_acked:
                await _quietly(message.in_progress())


async def _quietly(answer: Awaitable[object]) -> None:
    """An answer that does not reach the broker means a redelivery later, never a failure now."""
    try:
        await answer
    except (nats.errors.Error, TimeoutError, OSError) as error:
        log.info("answer_to_broker_lost", error=type(error).__name__)
