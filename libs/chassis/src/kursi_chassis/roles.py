"""Roles: what a process does until it is told to stop.

A role is a coroutine function. It works until the event it is given is set, finishes what it has begun, and returns.
"""

import asyncio
from collections.abc import Awaitable, Callable

Role = Callable[[asyncio.Event], Awaitable[None]]


def together(*roles: Role) -> Role:
    """One role that runs several side by side and ends when all have ended. One that fails stops and cancels the others."""

    async def run(stopping: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for role in roles:
                tasks.create_task(_play(role, stopping))

    return run


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the moment in which `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


async def _play(role: Role, stopping: asyncio.Event) -> None:
    """The others are told to stop, too: a cancellation may be forgotten (before Python 3.12, by `asyncio.wait_for`)."""
    try:
        await role(stopping)
    except BaseException:
        stopping.set()
        raise
