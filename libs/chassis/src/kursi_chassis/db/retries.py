"""Trying a transaction again when PostgreSQL says that only the timing was bad."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from kursi_chassis.errors import RetryLater

RETRIED = (
    psycopg.errors.DeadlockDetected,  # 40P01
    psycopg.errors.SerializationFailure,  # 40001
    psycopg.errors.LockNotAvailable,  # 55P03
)
TRIES = 3
_FIRST_PAUSE = 0.02

Result = TypeVar("Result")


async def run_with_retries(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Run `attempt`, a whole transaction, up to three times with a growing random pause between.

    Raises:
        RetryLater: the third try met a deadlock, a serialization failure or a lock timeout as well.
    """
    for number in range(1, TRIES):
        try:
            return await attempt()
        except RETRIED:
            await asyncio.sleep(_FIRST_PAUSE * number * random.uniform(1, 3))
    try:
        return await attempt()
    except RETRIED as error:
        raise RetryLater from error
