"""Rows of the waiting list to entries and back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, LiteralString
from uuid import UUID

from kursi_chassis.money import Money
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange, TimestamptzMultirange
from psycopg.types.range import Range

from kursi_booking.domain.booking import Item, SalonFacts
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import Entry, EntryState, HeldTime, Wish
from kursi_booking.store.rows import assistant, item_parameters, policy_document, policy_of

SELECT_ENTRIES: Final[LiteralString] = """
SELECT e.id, e.salon_id, e.salon_names, e.time_zone, e.territory_code, e.customer_id, e.channel, e.wishes, e.ranges,
       e.note, e.priority, e.state, e.passed, e.unanswered, e.booking_id, e.revision, e.created_at, e.updated_at,
       o.id, o.items, o.currency_code, o.policy, o.active_limit, o.offered_at, o.expires_at
FROM waitlist_entries AS e LEFT JOIN waitlist_offers AS o ON o.entry_id = e.id AND o.state = 'open'
"""
"""Entries with their open offers; a WHERE follows. `entry` reads a row of it."""


def entry(row: Sequence[Any]) -> Entry:  # Any: a row has as many types as columns
    """One row of `SELECT_ENTRIES`."""
    (
        entry_id, salon_id, salon_names, time_zone, territory_code, customer_id, channel, wishes, ranges, note,
        priority, state, passed, unanswered, booking_id, revision, created_at, updated_at, *offer,
    ) = row  # fmt: skip
    return Entry(
        entry_id=entry_id,
        salon_id=salon_id,
        salon=SalonFacts(salon_names, time_zone, territory_code),
        customer_id=customer_id,
        channel=Channel(channel),
        wishes=tuple(_wish(wish) for wish in wishes),
        ranges=_ranges(ranges),
        note=note,
        priority=priority,
        state=EntryState(state),
        offer=_offer(offer) if offer[0] is not None else None,
        passed=_ranges(passed),
        unanswered=unanswered,
        booking_id=booking_id,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
    )


def entry_parameters(entry: Entry) -> dict[str, object]:
    """What a statement needs to write the row, under the names of its columns."""
    return {
        "id": entry.entry_id,
        "salon_id": entry.salon_id,
        "customer_id": entry.customer_id,
        "state": entry.state.value,
        "revision": entry.revision,
        "channel": entry.channel.value,
        "wishes": Jsonb([_wish_document(wish) for wish in entry.wishes]),
        "services_digest": services_digest(entry.wishes),
        "ranges": multirange(entry.ranges),
        "passed": multirange(entry.passed),
        "priority": entry.priority,
        "unanswered": entry.unanswered,
        "note": entry.note,
        "salon_names": Jsonb(entry.salon.names),
        "time_zone": entry.salon.time_zone,
        "territory_code": entry.salon.territory_code,
        "booking_id": entry.booking_id,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }


def offer_parameters(held: HeldTime) -> dict[str, object]:
    """The same for the row of an offer, but for its entry."""
    return {
        "offer_id": held.offer_id,
        **item_parameters(held.items),
        "currency_code": held.price.currency_code,
        "policy": Jsonb(policy_document(held.policy)),
        "active_limit": held.active_limit,
        "offered_at": held.offered_at,
        "expires_at": held.expires_at,
    }


def services_digest(wishes: Iterable[Wish]) -> str:
    """Equal for the same services, whatever their order and by whomever."""
    services = b"".join(sorted(wish.service_id.bytes for wish in wishes))
    return blake2b(services, digest_size=16).hexdigest()


def multirange(ranges: Iterable[TimeRange]) -> Multirange[datetime]:
    """The ranges as one value, sorted, those that touch joined."""
    return TimestamptzMultirange([Range(one.start, one.end) for one in ranges])


def _ranges(ranges: Multirange[datetime]) -> tuple[TimeRange, ...]:
    return tuple(
        TimeRange(one.lower.astimezone(UTC), one.upper.astimezone(UTC))
        for one in ranges
        if one.lower is not None and one.upper is not None
    )


def _wish_document(wish: Wish) -> dict[str, object]:
    return {
        "service_id": str(wish.service_id),
        "staff_id": str(wish.staff_id) if wish.staff_id else None,
        "add_on_ids": [str(add_on_id) for add_on_id in wish.add_on_ids],
    }


def _wish(document: Mapping[str, Any]) -> Wish:  # Any: as in JSON
    staff_id = document["staff_id"]
    return Wish(
        UUID(document["service_id"]),
        UUID(staff_id) if staff_id else None,
        tuple(map(UUID, document["add_on_ids"])),
    )


def _offer(columns: Sequence[Any]) -> HeldTime:  # Any: as above
    offer_id, items, currency, policy, active_limit, offered_at, expires_at = columns
    return HeldTime(
        offer_id=offer_id,
        items=tuple(_item(item, currency) for item in items),
        policy=policy_of(policy),
        active_limit=active_limit,
        offered_at=offered_at,
        expires_at=expires_at,
    )


def _item(document: Mapping[str, Any], currency: str) -> Item:  # Any: as in JSON
    user_id = document["staff_user_id"]
    return Item(
        item_id=UUID(document["id"]),
        service_id=UUID(document["service_id"]),
        staff_id=UUID(document["staff_id"]),
        during=TimeRange.of_epoch(document["start_at"], document["end_at"]),
        price=Money(currency, document["price_minor"]),
        service_names=document["service_names"],
        staff_names=document["staff_names"],
        staff_user_id=UUID(user_id) if user_id else None,
        add_on_ids=tuple(map(UUID, document["add_on_ids"])),
        assistants=tuple(map(assistant, document.get("assistants", ()))),
    )
