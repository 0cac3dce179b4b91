"""How hard to measure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Seconds per round of load, rounds of which the median counts, and events of a backlog."""

    seconds: float = 4.0
    rounds: int = 3
    events: int = 10_000


FULL = Effort()
# Only shows that a measurement works; its figures mean nothing.
GLIMPSE = Effort(seconds=1.0, rounds=1, events=500)
