"""When a message that a provider refused for now is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

DELAYS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
"""A hiccup, an outage that somebody is already fixing, and a last try before a person has to look."""


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Delays with jitter, so that what failed together does not come back together.

    `jitter` gives a number between -1 and 1; it moves a delay by at most `spread` of its length.
    """

    jitter: Callable[[], float]
    delays: tuple[timedelta, ...] = DELAYS
    spread: float = 0.1

    def wait(self, attempt: int, max_retries: int, asked: timedelta | None = None) -> timedelta | None:
        """How long to wait after attempt number `attempt` (from 1); None when it was the last.

        Delays are counted from the end of the budget, so a message that was given a second budget by hand
        goes through all of them again. A provider that `asked` for more time gets it.
        """
        left = max_retries + 1 - attempt
        if left <= 0:
            return None
        delay = self.delays[max(len(self.delays) - left, 0)]
        jittered = delay * (1 + self.spread * self.jitter())
        return max(jittered, asked) if asked is not None else jittered
