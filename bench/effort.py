"""How hard to measure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Seconds per round of load, rounds of which the median counts, events of a backlog, bookings of a growth."""

    seconds: float = 4.0
    rounds: int = 3
    events: int = 10_000
    bookings: int = 10_000_000


FULL = Effort()
# Only shows that a measurement works; its figures mean nothing.
GLIMPSE = Effort(seconds=1.0, rounds=1, events=500, bookings=30_000)
