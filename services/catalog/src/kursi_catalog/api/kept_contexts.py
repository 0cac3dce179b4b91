"""Answers about what can be booked, for as long as nothing has changed in their salon."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock

from kursi_catalog.api import render
from kursi_catalog.domain.salon import Salon
from kursi_catalog.queries.context import Question
from kursi_catalog.usecases.finding import Finding

KEPT = 200
"""How many answers are kept: a few megabytes, as ten people over five weeks are 20 kilobytes."""
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

    def __init__(self, finding: Finding, clock: Clock) -> None:
        self._finding = finding
        self._clock = clock
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
        """In place of what was kept; the oldest answer goes when there are too many."""
        self._kept.pop(question, None)
        self._kept[question] = kept
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]


def _with(salon: Salon, rest: bytes) -> bytes:
    # One message may be written in parts, one after the other.
    return render.context_salon(salon).SerializeToString() + rest
