"""How hard to measure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Seconds per round of load, rounds of which the median counts; rushes whose attempts count all together; how much
    there is of what is worked on.
    """

    seconds: float = 4.0
    rounds: int = 3
    rushes: int = 12
    events: int = 10_000
    bookings: int = 10_000_000
    salons: int = 5_000

    @property
    def whole_seconds(self) -> int:
        """For programs that count in seconds, and may need one of them until all their clients have begun."""
        return max(3, round(self.seconds))


FULL = Effort()
# Only shows that a measurement works; its figures mean nothing.
GLIMPSE = Effort(seconds=0.2, rounds=1, rushes=1, events=500, bookings=30_000, salons=300)
