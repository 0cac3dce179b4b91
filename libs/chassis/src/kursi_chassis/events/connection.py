"""Connecting to NATS in a way that survives it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import nats.errors
from nats.aio.client import Client

from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import get_logger

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
    """The library's client, except that one message with garbage for headers does not end its reading for good."""

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError):
            return None


async def close_nats(client: Client) -> None:
    """Send what is buffered, then close; within 5 s also when the server is gone."""
    try:
        async with asyncio.timeout(5):
            await client.drain()
    except (TimeoutError, OSError, nats.errors.Error):
        await client.close()


async def _note_error(error: Exception) -> None:
    """Every failed reconnect comes here; the library's own logger would write a traceback for each."""
    log.info("nats_error", error=type(error).__name__)


async def _note_disconnect() -> None:
    log.warning("nats_disconnected")


async def _note_reconnect() -> None:
    log.info("nats_reconnected")
