"""Waiting for what must become true, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
_LOOK_SECONDS = 0.02


class TookTooLong(RuntimeError):
    """What was waited for did not come in time; the text says what it was."""


def until(look: Callable[[], Found], seconds: float, what: str) -> Found:
    """Look again and again until something is found, and return it.

    Raises:
        TookTooLong: it did not come within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            message = f"{what} did not come within {seconds:g} s"
            raise TookTooLong(message)
        time.sleep(_LOOK_SECONDS)
    return found
