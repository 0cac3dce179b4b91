"""The call at hand: what everything below a handler may want to know about it."""

import asyncio
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("kursi_deadline", default=None)


def set_deadline(at: float | None) -> None:
    """Remember when the call must be answered, in the event loop's time."""
    _deadline.set(at)


def remaining_seconds() -> float | None:
    """How long the caller of the work at hand still waits; None when nobody set a limit. May be negative."""
    at = _deadline.get()
    return None if at is None else at - asyncio.get_running_loop().time()
