"""What the use cases need of the rooms below them and of other services, and the values that pass between."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Protocol
from uuid import UUID

from kursi_chassis.events.envelope import Event
from kursi_chassis.intervals import Interval
from kursi_chassis.money import Money

from kursi_booking.domain.availability import Opening, Question
from kursi_booking.domain.booking import Booking, Change, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.fair_choice import Load
from kursi_booking.domain.guest import JoinedGuest, WalkIn
from kursi_booking.domain.policy import CancellationOutcome, Party, PolicySnapshot
from kursi_booking.domain.salon import WAITLIST_OFFER, SalonContext
from kursi_booking.domain.state import State

DayRange = tuple[date, date]
"""Local days, the last one included."""

Names = Mapping[str, str]
"""A name by language."""


@dataclass(frozen=True, slots=True)
class WantedService:
    """One service that somebody asks for; without a staff member anybody will do."""

    service_id: UUID
    staff_id: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()


class Customers(Protocol):
    """Who has a phone number."""

    async def ensure(self, salon_id: UUID, guest: WalkIn) -> UUID:
        """The account with the number, or the salon's guest with it. The same again is the same.

        Raises: Invalid for a number that cannot be reached, IdentityUnavailable; what identity refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """A visit that somebody wants, with a start in ``[first, last)``.

    `customer_id` is whose bookings count against the limit, if that is known. The salon's own people
    (`party` SALON) may also choose staff who cannot be booked online. `own_booking` is being moved: its claims
    are not in its way, and it does not count against the limit. `add_on_ids` are add-ons whose service is yet
    to be found.
    """

    salon_id: UUID
    wanted: tuple[WantedService, ...]
    first: datetime
    last: datetime
    customer_id: UUID | None = None
    party: Party = Party.CUSTOMER
    own_booking: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Performer:
    """Who can perform an offered service, and for how much, add-ons included."""

    staff_id: UUID
    names: Names
    user_id: UUID | None
    price: Money


@dataclass(frozen=True, slots=True)
class OfferedService:
    """One asked service as the salon sells it now. `price` is its own, add-ons included."""

    service_id: UUID
    names: Names
    add_on_ids: tuple[UUID, ...]
    price: Money
    performers: Mapping[UUID, Performer]


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
    compared: DayRange = (date.min, date.min)
    """The days over which a fair choice compares what people have and when they work."""
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


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The answer to an ask. `total` is with the services' own prices."""

    times: Sequence[Opening]
    service_ids: tuple[UUID, ...]
    time_zone: str
    total: Money
    as_of: datetime
    stale: bool


class ListSlots(Protocol):
    """The use case behind ListSlots."""

    async def __call__(self, ask: Ask) -> FreeTimes:
        """Free times in the order of their start. Raises: as `Offers.to_show`."""
        ...


class HoldExpiry(Protocol):
    """The use case that lets go of a hold, of a booking or of an offer."""

    async def __call__(self, booking_id: UUID) -> bool:
        """Whether the hold was due and is expired now. Does nothing for anything else."""
        ...


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that may be repeated: by whom, what, under which key (empty: none), and its hash."""

    caller: str
    method: str
    request_id: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class CountedPayment:
    """How much of one payment a booking has taken into account, in minor units."""

    captured_minor: int = 0
    refunded_minor: int = 0


class Work(Protocol):
    """One transaction over bookings."""

    async def kept_answer(self, request: KeyedRequest) -> bytes | None:
        """The first answer to this request, or None: then this transaction does the work. Call it first."""
        ...

    async def keep_answer(self, request: KeyedRequest, answer: bytes) -> None:
        """Remember the answer, when the request has a key."""
        ...

    async def is_new(self, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        """The events that this consumer has not handled yet; they count as handled once this commits."""
        ...

    async def locked(self, booking_id: UUID) -> Booking | None:
        """The booking, which nobody else can change until this transaction ends."""
        ...

    async def claims_of(self, booking_id: UUID) -> tuple[Claim, ...]:
        """The booking's claims, released ones too, sorted as they are taken."""
        ...

    async def counted(self, payment_id: UUID) -> CountedPayment:
        """What of this payment the booking has been told of; nothing before the first time."""
        ...

    async def count_payment(self, payment_id: UUID, booking_id: UUID, counted: CountedPayment) -> None:
        """Remember what the booking has been told of."""
        ...

    async def visits_of(self, guest_id: UUID) -> list[UUID]:
        """The bookings of a guest, in the order in which they must be locked."""
        ...

    async def remember_guest(self, joined: JoinedGuest) -> None:
        """Keep whose a guest's visits are."""
        ...

    async def merge_counters(self, joined: JoinedGuest) -> None:
        """What counted as the guest's counts as the account's."""
        ...

    async def tell(self, event: Event) -> None:
        """Tell something beyond the changes that are written."""
        ...

    async def save(self, change: Change, event: Event) -> None:
        """Write a change that leaves the visit where it is: the row, its claims' state, counter, history, event."""
        ...

    async def save_moved(self, change: Change, event: Event, claims: Sequence[Claim]) -> None:
        """Write a change with new items and claims, in place of the old ones; also takes claims that were released.

        Raises: TimeTaken when somebody else has a claim; the transaction must end without a commit.
        """
        ...


class BookingStore(Protocol):
    """Bookings in the database."""

    def work(self) -> AbstractAsyncContextManager[Work]:
        """One transaction: a clean exit commits, an exception rolls back."""
        ...

    async def create(self, new: "NewBooking") -> bytes:
        """Write a whole new booking in one statement, and return its answer.

        Raises: TimeTaken when a claim is taken, TooManyBookings when the customer's limit is reached,
            AlreadyAnswered with the first answer when the request is a repetition.
        """
        ...

    async def first_answer(self, request: KeyedRequest) -> bytes | None:
        """The kept answer of a request, if there is one. Raises: RequestIdReused."""
        ...

    async def find(self, booking_id: UUID) -> Booking | None:
        """The booking, without a lock."""
        ...

    async def overdue_holds(self, claims: Sequence[Claim], now: datetime) -> list[UUID]:
        """Held bookings and offers whose time is over but that are not yet expired and are in the way of these claims."""
        ...

    async def loads(self, staff_ids: Sequence[UUID], days: "DayRange") -> Mapping[UUID, Load]:
        """What each of them has on these days; who has nothing is not there."""
        ...

    def turn(self, open_question: "Undecided") -> "AbstractAsyncContextManager[Turn]":
        """One transaction in which nobody else decides this for the salon."""
        ...

    async def late_guests(self, since: datetime) -> list[JoinedGuest]:
        """Guests that were joined since then and have visits under their old id all the same."""
        ...

    async def page(self, wanted: "BookingFilter", after: "Position | None", size: int) -> "BookingPage":
        """Up to `size` bookings that fit, in the asked order, beyond the position."""
        ...


@dataclass(frozen=True, slots=True)
class NewBooking:
    """Everything that is written when a booking is made."""

    change: Change
    claims: tuple[Claim, ...]
    active_limit: int | None
    event: Event
    request: KeyedRequest
    answer: bytes


class ListOrder(Enum):
    """By what lists of bookings are sorted: the start, latest or earliest first."""

    NEWEST = "newest"
    OLDEST = "oldest"


Position = tuple[datetime, UUID]
"""Where a list of bookings goes on: start and id of the last one."""


@dataclass(frozen=True, slots=True)
class BookingFilter:
    """Which bookings are listed; everything set must fit.

    At least one of salon and customer is set, and the salon with `text`.
    """

    salon_id: UUID | None
    customer_id: UUID | None
    staff_id: UUID | None
    states: frozenset[State]
    start_min: datetime | None
    start_max: datetime | None
    service_id: UUID | None = None
    text: str = ""
    order: ListOrder = ListOrder.NEWEST


@dataclass(frozen=True, slots=True)
class BookingPage:
    """Some bookings of a list, and where it goes on; None at its end. Few or none may fit before it does."""

    bookings: Sequence[Booking]
    rest: Position | None


class TimeTaken(Exception):
    """The database refused a claim: somebody else has the time."""


class AlreadyAnswered(Exception):
    """The request is a repetition; `answer` is what the first one was answered."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


DescribeEvent = Callable[[Booking | None, Change], Event]
"""Words a change, with the booking before it, for the outbox."""


class Render(Protocol):
    """Words the answer for a caller, as it is kept for repetitions."""

    def __call__(self, booking: Booking, settlement: CancellationOutcome | None) -> bytes:
        """The booking, with what calling it off costs where that is known."""
        ...


class Catalog(Protocol):
    """What salons sell and when their people work."""

    async def context(
        self, salon_id: UUID, service_ids: frozenset[UUID], start: int, end: int
    ) -> SalonContext:
        """The salon with these services, everybody who performs them, and working time in at most 63 days.

        Raises: SalonNotFound, ServiceNotFound; CatalogUnavailable when it is silent and nothing was kept.
        """
        ...

    async def expect_staff(self, salon_id: UUID, staff_id: UUID, start: int, end: int) -> None:
        """Ask whether the salon has this staff member. Raises: StaffNotFound, CatalogUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose time is asked about, and when; `own_booking` does not count, neither its claims nor itself."""

    unit_ids: Sequence[UUID]
    during: Interval
    now: datetime
    salon_id: UUID
    customer_id: UUID | None
    own_booking: UUID | None


@dataclass(frozen=True, slots=True)
class Taken:
    """Padded claims by person or thing, in epoch seconds, and how many open bookings the customer has."""

    busy: Mapping[UUID, Sequence[Interval]]
    active: int = 0


class Occupancy(Protocol):
    """Who and what is taken."""

    async def __call__(self, wanted: Wanted) -> Taken:
        """What keeps these people and things busy now; a hold that is over does not."""
        ...


@dataclass(frozen=True, slots=True)
class CountedDays:
    """On which days visits are counted, of the salon and of these people; `own_booking` does not count."""

    salon_id: UUID
    staff_ids: Sequence[UUID]
    days: DayRange
    own_booking: UUID | None


@dataclass(frozen=True, slots=True)
class DayCounts:
    """How many visits begin on a day, and in how many somebody has a part; days without any are not there."""

    by_day: Mapping[date, int] = field(default_factory=dict)
    by_staff_day: Mapping[tuple[UUID, date], int] = field(default_factory=dict)


class StaffDays(Protocol):
    """What is booked day by day."""

    async def __call__(self, wanted: CountedDays) -> DayCounts:
        """How many visits there are per day, and per staff member and day."""
        ...


@dataclass(frozen=True, slots=True)
class Undecided:
    """What is decided in turn: whom of several people to choose, by what they have on these days, and whether a day is
    full. Either can be nothing to decide.
    """

    salon_id: UUID
    people: Sequence[UUID]
    compared: DayRange
    days: CountedDays | None


class Turn(Protocol):
    """The transaction of who decides for a salon; others who decide the same wait until it ends.

    Only those who choose among people wait no longer than a second, and then choose all the same.
    """

    @property
    def loads(self) -> Mapping[UUID, Load]:
        """What each of the people has; who has nothing is not there."""
        ...

    @property
    def counts(self) -> DayCounts:
        """What is on the counted days."""
        ...

    async def create(self, new: "NewBooking") -> bytes:
        """As `BookingStore.create`; the turn is at an end when it is refused."""
        ...


class HoldBatch(Protocol):
    """Holds that are over, locked."""

    @property
    def bookings(self) -> Sequence[Booking]:
        """The held bookings."""
        ...

    async def save_expired(self, changes: Sequence[Change], events: Sequence[Event]) -> None:
        """Write that they have expired."""
        ...


class DueHolds(Protocol):
    """Holds in the order in which they end."""

    async def next_due(self) -> datetime | None:
        """When the next hold ends; None when nothing is held."""
        ...

    def take(self, now: datetime, most: int) -> AbstractAsyncContextManager[HoldBatch]:
        """Up to `most` holds that are over, for one transaction; those that somebody else has in hand are left out."""
        ...
