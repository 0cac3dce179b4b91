"""The first free time for a visit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.intervals import Interval

from kursi_booking.domain.availability import Opening, first_opening
from kursi_booking.domain.start_rule import within_customer_limit
from kursi_booking.ports.offers import Ask, FreeTimes, Offer, Offers
from kursi_booking.usecases.list_slots import free_times_of
from kursi_booking.usecases.offer import starts_of

LOOKS = (timedelta(days=31), timedelta(days=62), timedelta(days=62), timedelta(days=31))
"""How far it is looked, one part after the other: first what is most likely kept of the salon, then as much as the
catalog tells in one call. Their sum bounds what one question may cost."""


@dataclass(frozen=True, slots=True)
class NextTime:
    """The first free time as a list of none or one. Starts before `searched_until` were looked at.

    `is_complete`: nothing was found, and nothing later can be booked yet.
    """

    found: FreeTimes
    searched_until: datetime
    is_complete: bool = False


class FindNextSlot:
    """The use case behind FindNextSlot."""

    def __init__(self, offers: Offers, clock: Clock) -> None:
        self._offers = offers
        self._clock = clock

    async def __call__(self, ask: Ask, first: datetime | None) -> NextTime:
        """The first free time that starts at or after `first`, or now. The times of `ask` do not count.

        Raises: as `Offers.to_show`.
        """
        now = self._clock.now()
        begin = max(first or now, now)
        answer = await self._look(replace(ask, first=begin, last=begin + LOOKS[0]))
        for length in LOOKS[1:]:
            if answer.found.times or answer.is_complete:
                break
            begin = answer.searched_until
            answer = await self._look(replace(ask, first=begin, last=begin + length))
        return answer

    async def _look(self, ask: Ask) -> NextTime:
        offer, starts = await self._offers.to_show(ask), starts_of(ask)
        opening = _first(offer, starts)
        if opening is not None:
            found = free_times_of(offer, [opening])
            return NextTime(found, datetime.fromtimestamp(opening.start, UTC))
        end = _end(offer, starts[0])
        nothing = free_times_of(offer, [])
        return NextTime(
            nothing, min(ask.last, datetime.fromtimestamp(end, UTC)), is_complete=end <= starts[1]
        )


def _first(offer: Offer, starts: Interval) -> Opening | None:
    found: Sequence[Opening] = [
        opening for question in offer.questions if (opening := first_opening(question, *starts)) is not None
    ]
    return min(found, key=lambda opening: (opening.start, opening.end), default=None)


def _end(offer: Offer, begin: int) -> int:
    """From when on nothing can be booked yet: the horizon, or the beginning where nothing can be booked at all."""
    if not offer.questions:
        return begin
    rules = offer.questions[0].rules
    if not within_customer_limit(rules, (begin, begin + 1)):
        return begin
    return max(begin, rules.now + rules.policy.rules.max_ahead + 1)
