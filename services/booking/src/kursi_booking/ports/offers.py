"""What somebody asks for, and what can be booked of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from kursi_chassis.intervals import Interval
from kursi_chassis.money import Money

from kursi_booking.domain.availability import Opening, Question
from kursi_booking.domain.booking import SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.salon import WAITLIST_OFFER

Names = Mapping[str, str]
"""A name by language."""


@dataclass(frozen=True, slots=True)
class WantedService:
    """One service that somebody asks for; without a staff member anybody will do.

    `lasts` is how long it takes, add-ons included, where that was agreed before: the salon may sell it in another time
    now. A service of several parts takes its parts as they are sold now.
    """

    service_id: UUID
    staff_id: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A visit that somebody wants, with a start in ``[first, last)``.

    `customer_id` is whose bookings count against the limit, if that is known. The salon's own people
    (`party` SALON) may also choose staff who cannot be booked online. `own_booking` is being moved: its claims
    are not in its way, and it does not count against the limit. `add_on_ids` are add-ons whose service is yet
    to be found. With `added` only the rules of these services say whether a visit may start then: the others have been
    booked for it before.
    """

    salon_id: UUID
    wanted: tuple[WantedService, ...]
    first: datetime
    last: datetime
    customer_id: UUID | None = None
    party: Party = Party.CUSTOMER
    own_booking: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()
    added: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Performer:
    """Who can perform an offered service, and for how much, add-ons included."""

    staff_id: UUID
    names: Names
    user_id: UUID | None
    price: Money


@dataclass(frozen=True, slots=True)
class OfferedService:
    """One asked service as the salon sells it now. `price` is its own, add-ons included, and so are `terms`."""

    service_id: UUID
    names: Names
    add_on_ids: tuple[UUID, ...]
    price: Money
    performers: Mapping[UUID, Performer]
    terms: PolicySnapshot


@dataclass(frozen=True, slots=True)
class Offer:
    """All that decides whether and how a visit can be booked.

    There is one question for each way in which people who need different times can share the services: one
    almost always. A start is offered when any of them offers it.
    """

    questions: tuple[Question, ...]
    salon: SalonFacts
    services: tuple[OfferedService, ...]
    policy: PolicySnapshot
    active_limit: int | None
    as_of: datetime
    stale: bool
    waitlist_offer: timedelta = WAITLIST_OFFER
    compared: Interval = (0, 0)
    """The time over which a fair choice compares what people have and when they work."""
    joined: Mapping[UUID, int] = field(default_factory=dict)
    """Since when they perform services, where that is known."""


class Offers(Protocol):
    """What the salon sells, who works when, and what is taken: catalog, claims and counters in one."""

    async def to_show(self, ask: Ask) -> Offer:
        """The offer from whatever is known of the salon, however old.

        Raises: SalonNotFound, ServiceNotFound, StaffNotFound, StaffDoesNotPerform, CatalogUnavailable.
        """
        ...

    async def to_book(self, ask: Ask) -> Offer:
        """The offer from data that is fresh enough to promise a time by.

        Raises: as `to_show`, and SalonNotLive.
        """
        ...

    async def to_take(self, ask: Ask) -> Offer | None:
        """The same as if nothing were taken, where taking alone tells whether it is: nobody and nothing is chosen, all
        starts are on the grid and no day can be full. None elsewhere.

        Raises: as `to_book`.
        """
        ...

    async def territory(self, salon_id: UUID) -> str:
        """The country of the salon (ISO 3166-1), by what is known of it, however old.

        Raises: SalonNotFound, CatalogUnavailable.
        """
        ...

    async def expect_live(self, salon_id: UUID) -> None:
        """Make sure that the salon takes bookings. Raises: SalonNotLive, SalonNotFound, CatalogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The answer to an ask. `total` is with the services' own prices."""

    times: Sequence[Opening]
    service_ids: tuple[UUID, ...]
    time_zone: str
    total: Money
    as_of: datetime
    stale: bool
