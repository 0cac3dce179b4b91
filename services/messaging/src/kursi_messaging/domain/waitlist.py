"""What messaging needs to know of a waiting list, and which of its offers are worth telling."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.planning import Planned, Surroundings, is_replay
from kursi_messaging.domain.words import Audience, Event, SkipReason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOffer:
    """A time that is kept for somebody who waits."""

    offer_id: UUID
    until: datetime
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitlistChange:
    """A change of an entry. `offer` is the one that is open after it; only the change that made it can tell of it.

    `traceparent` names the trace that it is part of; empty for none.
    """

    entry_id: UUID
    salon_id: UUID
    customer_id: UUID
    revision: int
    offer: OpenOffer | None
    occurred_at: datetime
    traceparent: str


def latest_changes(
    changes: Iterable[WaitlistChange], known: Mapping[UUID, int]
) -> dict[UUID, WaitlistChange]:
    """The newest change of each entry, where it is newer than what is `known`."""
    newest: dict[UUID, WaitlistChange] = {}
    for change in changes:
        if change.revision > known.get(change.entry_id, 0):
            before = newest.get(change.entry_id)
            if before is None or before.revision < change.revision:
                newest[change.entry_id] = change
    return newest


def plan_offers(
    changes: Sequence[WaitlistChange], latest: Collection[WaitlistChange], around: Surroundings
) -> tuple[Planned, ...]:
    """Word of each offer for whoever waits; what is gone by now is recorded as not told."""
    return tuple(
        Planned(
            salon_id=change.salon_id,
            booking_id=None,
            recipient_id=change.customer_id,
            audience=Audience.CUSTOMER,
            event=Event.WAITLIST_OFFER,
            occurrence=str(change.offer.offer_id),
            channel=channel,
            status=Status.SKIPPED if reason else Status.PENDING,
            skip_reason=reason,
            due_at=around.now,
            booking_revision=None,
            facts=change.offer.facts,
            traceparent=change.traceparent,
        )
        for change in changes
        if change.offer is not None
        for reason in [_reason_to_skip(change, change.offer, latest, around)]
        for channel in around.channels(change.customer_id, change.salon_id, Audience.CUSTOMER)
    )


def _reason_to_skip(
    change: WaitlistChange, offer: OpenOffer, latest: Collection[WaitlistChange], around: Surroundings
) -> SkipReason | None:
    if is_replay(change.occurred_at, around):
        return SkipReason.REPLAY
    return SkipReason.STALE if change not in latest or offer.until <= around.now else None


def told_of(facts: Iterable[Facts]) -> set[UUID]:
    """The entries of waiting lists that messages with these facts are about."""
    return {UUID(entry) for one in facts if isinstance(entry := one.get("waitlist_entry_id"), str)}


def is_gone(facts: Facts, open_offers: Collection[UUID], now: datetime) -> bool:
    """Whether the message tells of an offer that nobody can accept any more."""
    offer_id, until = facts.get("offer_id"), facts.get("until")
    if not isinstance(offer_id, str) or not isinstance(until, str):
        return False
    return UUID(offer_id) not in open_offers or datetime.fromisoformat(until) <= now
