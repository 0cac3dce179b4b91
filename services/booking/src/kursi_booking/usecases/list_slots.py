"""Free times for a visit."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.intervals import Interval
from kursi_chassis.money import Money

from kursi_booking.domain.availability import Opening, find_openings
from kursi_booking.ports.offers import Ask, FreeTimes, Offer, Offers
from kursi_booking.usecases.offer import starts_of


class ListSlots:
    """The use case behind ListSlots."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def __call__(self, ask: Ask) -> FreeTimes:
        """Free times in the order of their start. Raises: as `Offers.to_show`."""
        offer = await self._offers.to_show(ask)
        return free_times_of(offer, openings_of(offer, starts_of(ask)))


def free_times_of(offer: Offer, openings: Sequence[Opening]) -> FreeTimes:
    """Openings of an offer, as an answer."""
    return FreeTimes(
        times=openings,
        service_ids=tuple(service.service_id for service in offer.services),
        time_zone=offer.salon.time_zone,
        total=_total(offer),
        as_of=offer.as_of,
        stale=offer.stale,
    )


def openings_of(offer: Offer, starts: Interval) -> list[Opening]:
    """What any of the questions offers, each start and end once; who needs longer at the same start comes after who is
    quicker.
    """
    found = [opening for question in offer.questions for opening in find_openings(question, *starts)]
    return found if len(offer.questions) == 1 else each_once(found)


def each_once(found: Sequence[Opening]) -> list[Opening]:
    """Each start and end once, in order. Ways to share the services that take equally long differ only in who performs
    what.
    """
    together: dict[Interval, Opening] = {}
    for opening in sorted(found, key=lambda one: (one.start, one.end)):
        during = opening.start, opening.end
        same = together.get(during)
        together[during] = opening if same is None else same._replace(staff=_either(same, opening))
    return list(together.values())


def _either(one: Opening, other: Opening) -> tuple[tuple[UUID, ...], ...]:
    teams = zip(one.staff, other.staff, strict=True)
    return tuple(tuple(dict.fromkeys((*first, *second))) for first, second in teams)


def _total(offer: Offer) -> Money:
    total = Money.zero(offer.services[0].price.currency_code)
    for service in offer.services:
        total += service.price
    return total
