"""Which days of a month have free times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from kursi_booking.domain.month import BookableDay, Month, bookable_days
from kursi_booking.ports.offers import Ask, FreeTimes, Offers
from kursi_booking.usecases.list_slots import free_times_of


@dataclass(frozen=True, slots=True)
class MonthView:
    """Each day of a month; `context` is what lists of free times say besides the times."""

    days: Sequence[BookableDay]
    context: FreeTimes


class ListBookableDays:
    """The use case behind ListBookableDays."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def __call__(self, ask: Ask, month: Month) -> MonthView:
        """The month in the salon's calendar. The times of `ask` do not count.

        The salon's zone is not known before its offer, so this is asked for over all instants at which it is that
        month anywhere.

        Raises: as `Offers.to_show`.
        """
        first, last = month.anywhere
        offer = await self._offers.to_show(replace(ask, first=first, last=last))
        zone = ZoneInfo(offer.salon.time_zone)
        days = bookable_days(offer.questions, zone, month.within(zone))
        return MonthView(days, free_times_of(offer, []))
