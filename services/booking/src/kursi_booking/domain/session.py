"""A group session: one service at one time, with seats that customers take."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Booking, Change, Item, SalonFacts
from kursi_booking.domain.policy import PolicySnapshot
from kursi_booking.domain.session_errors import SeatsTaken, SessionIsClosed, SessionStarted
from kursi_booking.domain.state import State
from kursi_booking.domain.time_range import TimeRange

MOST_SEATS = 500
MOST_SEATS_AT_ONCE = 10

_GIVEN_BACK = frozenset({State.CANCELLED, State.EXPIRED})


class SessionState(Enum):
    """Whether it takes place."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Session:
    """The terms are those of the day of planning; `price` is that of one seat.

    `taken` counts the seats of all bookings that were neither cancelled nor have expired. Only the database moves it,
    together with the booking; a change of the session does not.
    """

    session_id: UUID
    salon_id: UUID
    salon: SalonFacts
    service_id: UUID
    service_names: Mapping[str, str]
    staff_id: UUID
    staff_names: Mapping[str, str]
    staff_user_id: UUID | None
    during: TimeRange
    price: Money
    policy: PolicySnapshot
    active_limit: int | None
    capacity: int
    taken: int
    state: SessionState
    cancellation_reason: str
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def seats_left(self) -> int:
        """How many can be taken; none once it is called off."""
        return self.capacity - self.taken if self.state is SessionState.SCHEDULED else 0


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One line of a session's history."""

    revision: int
    action: str
    actor: str
    at: datetime
    capacity: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionChange:
    """A session after a change; `entry` is None when nothing had to change."""

    session: Session
    entry: SessionEntry | None = None


def plan(session: Session, act: Act) -> SessionChange:
    """A new session, planned."""
    return _changed(session, "planned", act)


def resize(session: Session, act: Act, capacity: int) -> SessionChange:
    """More or fewer seats. Raises: SessionIsClosed, SeatsTaken."""
    _expect_scheduled(session, "update")
    if capacity == session.capacity:
        return SessionChange(session)
    if capacity < session.taken:
        raise SeatsTaken(session.taken)
    return _changed(replace(session, capacity=capacity), "resized", act)


def call_off(session: Session, act: Act) -> SessionChange:
    """It does not take place. Raises: SessionStarted."""
    if session.state is SessionState.CANCELLED:
        return SessionChange(session)
    expect_to_come(session, act)
    after = replace(session, state=SessionState.CANCELLED, cancellation_reason=act.reason)
    return _changed(after, "cancelled", act)


def join(
    session: Session, act: Act, *, booking_id: UUID, item_id: UUID, customer_id: UUID, seats: int, note: str
) -> Change:
    """A booking of seats, at the session's terms. Raises: SessionIsClosed, SessionStarted."""
    _expect_scheduled(session, "join")
    expect_to_come(session, act)
    change = verbs.create(
        act,
        booking_id=booking_id,
        salon_id=session.salon_id,
        salon=session.salon,
        customer_id=customer_id,
        items=(_seats(session, item_id, seats),),
        policy=session.policy,
        note=note,
    )
    return replace(change, booking=replace(change.booking, session_id=session.session_id, seats=seats))


def seats_of(booking: Booking) -> int:
    """The seats that the booking keeps from others: until it is called off or runs out, also once it is over."""
    return 0 if booking.session_id is None or booking.state in _GIVEN_BACK else booking.seats


def expect_to_come(session: Session, act: Act) -> None:
    """Raise SessionStarted once it has begun."""
    if act.at >= session.during.start:
        raise SessionStarted(session.during.start)


def _expect_scheduled(session: Session, action: str) -> None:
    if session.state is not SessionState.SCHEDULED:
        raise SessionIsClosed(session.state.value, action)


def _seats(session: Session, item_id: UUID, seats: int) -> Item:
    return Item(
        item_id=item_id,
        service_id=session.service_id,
        staff_id=session.staff_id,
        during=session.during,
        price=session.price.share(seats, 1),
        service_names=session.service_names,
        staff_names=session.staff_names,
        staff_user_id=session.staff_user_id,
    )


def _changed(after: Session, action: str, act: Act) -> SessionChange:
    session = replace(after, revision=after.revision + 1, updated_at=act.at)
    entry = SessionEntry(session.revision, action, act.actor, act.at, session.capacity, act.reason)
    return SessionChange(session, entry)
