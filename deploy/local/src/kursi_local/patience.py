"""Waiting for what must become true, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
_LOOK_SECONDS = 0.05


def until(look: Callable[[], Found], seconds: float, what: str) -> Found:
    """Look again and again until something is found, and return it.

    Raises:
        TimeoutError: it did not come within `seconds`; the text says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            message = f"{what} did not come within {seconds:g} s"
            raise TimeoutError(message)
        time.sleep(_LOOK_SECONDS)
    return found
