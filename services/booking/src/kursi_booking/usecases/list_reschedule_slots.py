"""Where a visit can be moved to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.errors import DomainError

from kursi_booking.domain.booking import total
from kursi_booking.domain.errors import AddOnNotFound, SalonNotFound, SalonNotLive
from kursi_booking.domain.lifecycle import check_reschedule
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.offers import Ask, FreeTimes, Offer, Offers
from kursi_booking.usecases.access import act_of_anyone, visible
from kursi_booking.usecases.list_slots import each_once, openings_of
from kursi_booking.usecases.moving import SOMEBODY_ELSE_MAY_DO
from kursi_booking.usecases.offer import starts_of
from kursi_booking.usecases.reschedule_booking import chosen_people, ways_to_ask


@dataclass(frozen=True, slots=True)
class NewTimes:
    """A booking, and when it may start instead: in ``[first, last)``. `staff_ids` as in `NewTime`."""

    booking_id: UUID
    first: datetime
    last: datetime
    staff_ids: Sequence[UUID | None] = ()


class ListRescheduleSlots:
    """Asks what moving the booking asks, in all of its ways, for many starts at once."""

    def __init__(self, store: BookingStore, offers: Offers, clock: Clock) -> None:
        self._store = store
        self._offers = offers
        self._clock = clock

    async def __call__(self, wanted: NewTimes, caller: Caller) -> FreeTimes:
        """The starts in order, each with everybody whom a move there can name.

        Raises: BookingNotFound, IllegalTransition, SeatCannotMove, TooLateToReschedule, Invalid; as `Offers.to_book`.
        """
        booking = visible(await self._store.find(wanted.booking_id), caller)
        act = act_of_anyone(booking, caller, self._clock.now())
        check_reschedule(booking, act)
        chosen = chosen_people(booking, wanted.staff_ids)
        asks = ways_to_ask(booking, act, chosen, (wanted.first, wanted.last))
        offers = await self._offered(asks)
        starts = starts_of(asks[0])
        return FreeTimes(
            times=each_once([opening for offer in offers for opening in openings_of(offer, starts)]),
            service_ids=tuple(item.service_id for item in booking.items),
            time_zone=offers[0].salon.time_zone,
            total=total(booking.items),
            as_of=min(offer.as_of for offer in offers),
            stale=any(offer.stale for offer in offers),
        )

    async def _offered(self, asks: Sequence[Ask]) -> Sequence[Offer]:
        """What is offered in the ways that are possible, one at least. Raises: what the last one raises."""
        offers: list[Offer] = []
        refusal: DomainError | None = None
        for ask in asks:
            try:
                offers.append(await self._offers.to_show(ask))
            except SalonNotFound as error:
                raise SalonNotLive from error  # whose booking it is knows the salon
            except (*SOMEBODY_ELSE_MAY_DO, AddOnNotFound) as error:
                refusal = error
        if refusal is not None and not offers:
            raise refusal
        return offers
