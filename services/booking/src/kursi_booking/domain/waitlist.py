"""Who waits for a time, and what becomes of it.

One function per thing that happens, as for bookings: each takes the entry and the act, and returns an `EntryChange` with
the entry after it. Asking again for what has happened returns the entry as it is, without an event.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, NamedTuple
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.booking import Act, Change, Item, SalonFacts, total
from kursi_booking.domain.errors import EntryIsClosed, OfferGone
from kursi_booking.domain.lifecycle import create
from kursi_booking.domain.policy import PolicySnapshot
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange

MOST_RANGES: Final = 10
"""Enough for the free afternoons of two working weeks; each costs a search in each pass."""
FARTHEST: Final = timedelta(days=62)
"""How far ahead somebody can wait: as far as free times can be asked for at once."""
MOST_OPEN: Final = 5
"""Open entries of one customer in one salon."""
MOST_UNANSWERED: Final = 3
"""Offers in a row without an answer after which an entry ends: each kept a time from everybody else."""
HIGHEST_PRIORITY: Final = 100


class EntryState(Enum):
    """Where an entry stands."""

    WAITING = "waiting"
    OFFERED = "offered"
    BOOKED = "booked"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN: Final = frozenset({EntryState.WAITING, EntryState.OFFERED})


class OfferState(Enum):
    """What became of an offer."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class EntryEvent(Enum):
    """What is told to the world; the last part of the event's subject."""

    CREATED = "waitlist_created"
    OFFERED = "waitlist_offered"
    OFFER_DECLINED = "waitlist_offer_declined"
    OFFER_EXPIRED = "waitlist_offer_expired"
    BOOKED = "waitlist_booked"
    CANCELLED = "waitlist_cancelled"
    EXPIRED = "waitlist_expired"
    UPDATED = "waitlist_updated"


class Wish(NamedTuple):
    """One wished service; without a staff member anybody will do."""

    service_id: UUID
    staff_id: UUID | None = None
    add_on_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldTime:
    """A visit whose time is kept for one entry: what it would be booked as, and until when it can be.

    `active_limit` is how many open bookings a customer may have who books it.
    """

    offer_id: UUID
    items: tuple[Item, ...]
    policy: PolicySnapshot
    active_limit: int | None
    offered_at: datetime
    expires_at: datetime

    @property
    def during(self) -> TimeRange:
        """From the first item's start to the last one's end."""
        return TimeRange(self.items[0].during.start, self.items[-1].during.end)

    @property
    def price(self) -> Money:
        """The sum of the items."""
        return total(self.items)


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody who waits. Immutable: every change makes a new one with the next revision."""

    entry_id: UUID
    salon_id: UUID
    salon: SalonFacts
    customer_id: UUID
    channel: Channel
    wishes: tuple[Wish, ...]
    ranges: tuple[TimeRange, ...]
    note: str
    priority: int
    state: EntryState
    offer: HeldTime | None
    passed: tuple[TimeRange, ...]
    unanswered: int
    booking_id: UUID | None
    revision: int
    created_at: datetime
    updated_at: datetime

    @property
    def wished(self) -> TimeRange:
        """From the first moment that is wished for to the last."""
        return TimeRange(self.ranges[0].start, self.ranges[-1].end)

    def would_take(self, visit: TimeRange) -> bool:
        """Whether this visit is none that was offered before and not taken."""
        return not any(before.overlaps(visit) for before in self.passed)


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What happened to an entry; `event` is None when nothing did.

    `offer` is the offer that was made or ended, and `ended` what it ended as.
    """

    entry: Entry
    act: Act
    event: EntryEvent | None = None
    from_state: EntryState | None = None
    offer: HeldTime | None = None
    ended: OfferState | None = None


def join(entry: Entry, act: Act) -> EntryChange:
    """A new entry."""
    return EntryChange(replace(entry, revision=1), act, EntryEvent.CREATED)


def offer(entry: Entry, act: Act, held: HeldTime) -> EntryChange:
    """A time is kept for it. Raises: EntryIsClosed."""
    _expect(entry, "offer", EntryState.WAITING)
    after = replace(entry, state=EntryState.OFFERED, offer=held)
    return _changed(entry, after, EntryEvent.OFFERED, act, made=held)


def accept(entry: Entry, act: Act, offer_id: UUID, booking_id: UUID) -> tuple[EntryChange, Change]:
    """The offer becomes this booking, as it was offered: people, prices, names and terms. Raises: OfferGone."""
    held = open_offer(entry, act, offer_id)
    booked = create(
        act,
        booking_id=booking_id,
        salon_id=entry.salon_id,
        salon=entry.salon,
        customer_id=entry.customer_id,
        items=held.items,
        policy=held.policy,
        note=entry.note,
    )
    after = replace(entry, state=EntryState.BOOKED, offer=None, booking_id=booking_id)
    return _changed(entry, after, EntryEvent.BOOKED, act, made=held, ended=OfferState.ACCEPTED), booked


def decline(entry: Entry, act: Act, offer_id: UUID) -> EntryChange:
    """Wait for another time. Raises: OfferGone."""
    held = open_offer(entry, act, offer_id)
    after = replace(
        entry, state=EntryState.WAITING, offer=None, passed=(*entry.passed, held.during), unanswered=0
    )
    return _changed(entry, after, EntryEvent.OFFER_DECLINED, act, made=held, ended=OfferState.DECLINED)


def run_out(entry: Entry, act: Act) -> EntryChange:
    """Nobody answered in time: the entry waits on, behind those who answer, or ends when that happens too often.

    Does nothing for an offer that still stands, or for none: timers are at-least-once.
    """
    held = entry.offer
    if held is None or held.expires_at > act.at:
        return EntryChange(entry, act)
    unanswered = entry.unanswered + 1
    after = replace(
        entry,
        state=EntryState.EXPIRED if unanswered >= MOST_UNANSWERED else EntryState.WAITING,
        offer=None,
        passed=(*entry.passed, held.during),
        unanswered=unanswered,
    )
    return _changed(entry, after, EntryEvent.OFFER_EXPIRED, act, made=held, ended=OfferState.EXPIRED)


def withdraw(entry: Entry, act: Act) -> EntryChange:
    """The salon no longer takes bookings: the kept time is free, and the entry waits on as if nothing had been offered.

    Does nothing without an offer.
    """
    held = entry.offer
    if held is None:
        return EntryChange(entry, act)
    after = replace(entry, state=EntryState.WAITING, offer=None)
    return _changed(entry, after, EntryEvent.OFFER_EXPIRED, act, made=held, ended=OfferState.WITHDRAWN)


def cancel(entry: Entry, act: Act) -> EntryChange:
    """Wait no longer; an open offer is withdrawn. Raises: EntryIsClosed."""
    if entry.state is EntryState.CANCELLED:
        return EntryChange(entry, act)
    _expect(entry, "cancel", *OPEN)
    after = replace(entry, state=EntryState.CANCELLED, offer=None)
    ended = OfferState.WITHDRAWN if entry.offer else None
    return _changed(entry, after, EntryEvent.CANCELLED, act, made=entry.offer, ended=ended)


def give_up(entry: Entry, act: Act) -> EntryChange:
    """The last range is over. Does nothing for an entry that can still be served or was answered."""
    if entry.state is not EntryState.WAITING or entry.wished.end > act.at:
        return EntryChange(entry, act)
    return _changed(entry, replace(entry, state=EntryState.EXPIRED), EntryEvent.EXPIRED, act)


def join_guest(entry: Entry, act: Act, user_id: UUID) -> EntryChange:
    """The guest who waited, or waits, turned out to be the person with this account; an open offer is theirs too."""
    if entry.customer_id == user_id:
        return EntryChange(entry, act)
    return _changed(entry, replace(entry, customer_id=user_id), EntryEvent.UPDATED, act)


def open_offer(entry: Entry, act: Act, offer_id: UUID) -> HeldTime:
    """The offer that can still be answered. Raises: OfferGone."""
    held = entry.offer
    if held is None or held.offer_id != offer_id or held.expires_at <= act.at:
        raise OfferGone
    return held


def _expect(entry: Entry, action: str, *allowed: EntryState) -> None:
    if entry.state not in allowed:
        raise EntryIsClosed(entry.state.value, action)


def _changed(
    before: Entry,
    after: Entry,
    event: EntryEvent,
    act: Act,
    *,
    made: HeldTime | None = None,
    ended: OfferState | None = None,
) -> EntryChange:
    entry = replace(after, revision=before.revision + 1, updated_at=act.at)
    return EntryChange(entry, act, event, before.state, made, ended)
