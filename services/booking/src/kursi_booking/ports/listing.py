"""Lists of bookings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.state import State


class ListOrder(Enum):
    """By what lists of bookings are sorted: the start, latest or earliest first."""

    NEWEST = "newest"
    OLDEST = "oldest"


Position = tuple[datetime, UUID]
"""Where a list goes on: by what it is sorted, and the id of the last row."""


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
