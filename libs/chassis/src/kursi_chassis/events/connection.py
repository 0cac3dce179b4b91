"""Connecting to NATS in a way that survives it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError

from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

DRAIN_SECONDS = 5.0
_MOST_NEWS = 100
_NEWS_SECONDS = 1.0

log = get_logger()


async def connect_nats(url: str, *, name: str, timeout: timedelta = timedelta(seconds=10)) -> Client:
    """Connect (several servers: comma separated) and stay connected for ever.

    Raises:
        Unavailable: nobody answered within `timeout`. Left alone, the client would keep trying for minutes.
    """
    client = _Client()
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            await client.connect(
                url.split(","),
                name=name,
                error_cb=_note_error,
                disconnected_cb=_note_disconnect,
                reconnected_cb=_note_reconnect,
                connect_timeout=2,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # annotated int, used as seconds for sleep
                max_reconnect_attempts=-1,
                ping_interval=10,
                # The default of 30 s was seen to be taken in full by a client that had lived through outages.
                drain_timeout=3,
            )
    except (TimeoutError, OSError, nats.errors.Error) as error:
        await client.close()
        raise Unavailable(dependency="nats") from error
    return client


class _Client(Client):
    """The library's client, except that one message with garbage for headers or subject does not end its reading for good,
    and that a refusal of the stream is heard.
    """

    def jetstream(self, **options: Any) -> JetStreamContext:  # noqa: ANN401 -- the library's own
        return _JetStream(self, **options)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):
            return None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        readable = subject if subject.isascii() else subject.decode(errors="replace").encode()
        message: Msg = super()._build_message(sid, readable, reply, data, headers)
        return message


class _JetStream(JetStreamContext):
    """The library's context, except that whoever waits for an acknowledgement gets the stream's refusal at once, and that
    nothing waits for what never left.

    The library raises the refusal where nobody listens, and goes on waiting. It has 4,000 places for what waits: were they
    taken by what an absent broker's full buffer refused, the next one would wait for a place for ever, and forget that it was
    cancelled.
    """

    async def publish_async(self, *what: Any, **options: Any) -> asyncio.Future[PubAck]:  # noqa: ANN401 -- the library's own
        newest = self._newest()
        try:
            return await super().publish_async(*what, **options)
        except Exception:
            token = self._newest()
            if token is not None and token != newest:
                self._publish_async_futures[token].cancel()
            raise

    def _newest(self) -> str | None:
        """Of those who wait; a refused one joins them and is told before anybody else can."""
        return next(reversed(self._publish_async_futures), None)

    async def _handle_async_reply(self, msg: Msg) -> None:
        try:
            await super()._handle_async_reply(msg)
        except APIError as refusal:
            waiting = self._publish_async_futures.get(msg.subject.rpartition(".")[2])
            if waiting is not None and not waiting.done():
                waiting.set_exception(refusal)


async def news(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
    """What comes within a second; empty when nothing does.

    Raises: nats.errors.Error when the broker does not know the subscription's consumer: a restarted one has forgotten it.
    """
    try:
        return await subscription.fetch(_MOST_NEWS, timeout=_NEWS_SECONDS)
    except TimeoutError:
        # Not the client's own class alone: when time is up exactly as the broker says so, it is asyncio's.
        await subscription.consumer_info()
        return []


async def close_nats(client: Client) -> None:
    """Send what is buffered, then close; within 6 s also when the server is gone, or stands still and takes nothing more."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await client.drain()
    except (TimeoutError, OSError, nats.errors.Error):
        # The library waits until the server has taken what is buffered. What it has not taken by now is sent again some day.
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await client.close()


async def close_all_nats(clients: Iterable[Client]) -> None:
    """The same for several, side by side."""
    async with asyncio.TaskGroup() as closing:
        for client in clients:
            closing.create_task(close_nats(client))


async def _note_error(error: Exception) -> None:
    """Every failed reconnect comes here; the library's own logger would write a traceback for each."""
    log.info("nats_error", error=type(error).__name__)


async def _note_disconnect() -> None:
    log.warning("nats_disconnected")


async def _note_reconnect() -> None:
    log.info("nats_reconnected")
