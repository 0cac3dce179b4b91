"""Answers about what can be booked, for as long as nothing has changed in their salon."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock

from kursi_catalog.api import render
from kursi_catalog.domain.salon import Salon
from kursi_catalog.queries.context import Question
from kursi_catalog.usecases.finding import Finding

KEPT = 200
"""How many answers are kept. Those of ten people over five weeks have 20 kilobytes each."""
KEPT_BYTES = 10_000_000
"""How much they may hold together: anybody can open a salon of 500 people and 500 described services, whose answers have
megabytes, and ask for as many different weeks.
"""
KEPT_FOR = timedelta(minutes=10)
"""How old an answer may be: a database that was restored may reach the same version again with something else."""


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    rest: bytes
    since: datetime


class KeptContexts:
    """Works an answer out once per version of its salon.

    Booking asks for the same weeks of a salon every minute and from each of its processes, and most of the time nothing has
    changed. Every change of what an answer holds counts up the salon's version in its own transaction
    (`store.edits`); reviews alone do not, and what they change stands in the salon's row. So one look at that row tells
    whether an answer is that of this instant. Bytes are kept because a few of them cost the collector of garbage nothing.
    """

    def __init__(self, finding: Finding, clock: Clock, most_bytes: int = KEPT_BYTES) -> None:
        self._finding = finding
        self._clock = clock
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[Question, _Kept] = {}

    async def answer(self, question: Question) -> bytes:
        """A `BookingContext`. Raises: as `Finding.booking_context`."""
        now = self._clock.now()
        kept = self._kept.get(question)
        if kept is not None and now - kept.since < KEPT_FOR:
            salon = await self._finding.salon(question.salon_id)
            if salon is not None and salon.version == kept.version:
                return _with(salon, kept.rest)
        context = await self._finding.booking_context(question)
        rest = render.booking_context(context).SerializeToString()
        self._keep(question, _Kept(context.salon.version, rest, now))
        return _with(context.salon, rest)

    def _keep(self, question: Question, kept: _Kept) -> None:
        """In place of what was kept; the oldest answers go when there are too many, or too long ones."""
        self._forget(question)
        self._kept[question] = kept
        self._bytes += len(kept.rest)
        while len(self._kept) > KEPT or self._bytes > self._most_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, question: Question) -> None:
        gone = self._kept.pop(question, None)
        self._bytes -= len(gone.rest) if gone else 0


def _with(salon: Salon, rest: bytes) -> bytes:
    # One message may be written in parts, one after the other.
    return render.context_salon(salon).SerializeToString() + rest
