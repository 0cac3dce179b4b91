"""Free times for a visit."""

from kursi_chassis.money import Money

from kursi_booking.domain.availability import Opening, find_openings
from kursi_booking.ports import Ask, FreeTime, FreeTimes, Offer, Offers
from kursi_booking.usecases.offer import starts_of


class FindFreeTimes:
    """The use case behind ListSlots."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def __call__(self, ask: Ask) -> FreeTimes:
        """Free times in the order of their start. Raises: as `Offers.to_show`."""
        offer = await self._offers.to_show(ask)
        return FreeTimes(
            times=[FreeTime(start, end, staff) for start, end, staff, _ in _openings(offer, ask)],
            service_ids=tuple(service.service_id for service in offer.services),
            time_zone=offer.salon.time_zone,
            total=_total(offer),
            as_of=offer.as_of,
            stale=offer.stale,
        )


def _openings(offer: Offer, ask: Ask) -> list[Opening]:
    """What any of the questions offers; who needs longer at the same start comes after who is quicker."""
    start, end = starts_of(ask)
    found = [opening for question in offer.questions for opening in find_openings(question, start, end)]
    if len(offer.questions) > 1:
        found.sort(key=lambda opening: (opening.start, opening.end))
    return found


def _total(offer: Offer) -> Money:
    total = Money.zero(offer.services[0].price.currency_code)
    for service in offer.services:
        total += service.price
    return total
