"""Waiting for what must become true, instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


def on_this_machine(seconds: float) -> float:
    """What a promise in seconds allows where others wait for each core: there everybody gets a share of a second only."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class DidNotHappen(AssertionError):
    """The deadline passed; the message has what was seen last."""


async def eventually(probe: Callable[[], Result | Awaitable[Result]], timeout: float = 180) -> Result:
    """Call `probe` (sync or async) until it returns something true, and return that.

    An AssertionError inside the probe counts as not yet; anything else is raised at once.

    Raises:
        DidNotHappen: not within `timeout` seconds. Says what the probe returned or asserted last.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            outcome = probe()
            seen = await outcome if inspect.isawaitable(outcome) else outcome
            if seen:
                return seen
            last = f"last returned {seen!r}"
        except AssertionError as error:
            last = f"last asserted: {error}"
        if time.monotonic() > deadline:
            name = getattr(probe, "__qualname__", repr(probe))
            msg = f"{name} did not become true within {timeout} s; it {last}"
            raise DidNotHappen(msg)
        await asyncio.sleep(0.005)
