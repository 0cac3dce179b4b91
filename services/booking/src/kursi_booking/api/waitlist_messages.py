"""Entries of the waiting list as the contract shows them, and as callers ask for them."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from kursi.booking.v1 import booking_service_pb2
from kursi.booking.v1 import waitlist_service_pb2 as pb
from kursi.type.v1 import money_pb2
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api.requests import LONGEST_TEXT, wanted_items, whole_second
from kursi_booking.domain.booking import Item
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import (
    HIGHEST_PRIORITY,
    MOST_RANGES,
    Entry,
    EntryState,
    HeldTime,
    Wish,
)
from kursi_booking.usecases.join_waitlist import WishedVisit

_STATES = {state: pb.WaitlistEntry.State.Value(state.name) for state in EntryState}
_BY_NUMBER: dict[int, EntryState] = {number: state for state, number in _STATES.items()}


def wished_visit(request: pb.CreateWaitlistEntryRequest) -> WishedVisit:
    """The visit that somebody waits for."""
    with Violations() as check:
        return WishedVisit(
            salon_id=check.id("salon_id", request.salon_id),
            services=wanted_items(check, request.items),
            ranges=_ranges(check, request.ranges),
            note=check.text("note", request.note, LONGEST_TEXT, lines=True),
            customer_id=check.optional_id("customer_id", request.customer_id),
            priority=check.integer("priority", request.priority, 0, HIGHEST_PRIORITY),
        )


def states_of(check: Violations, states: Sequence[int]) -> frozenset[EntryState]:
    """The states to list."""
    known = frozenset(_BY_NUMBER[state] for state in states if state in _BY_NUMBER)
    if any(state not in _BY_NUMBER for state in states):
        check.add("states", "UNKNOWN_VALUE")
    return known


def entry_message(entry: Entry) -> pb.WaitlistEntry:
    """The entry, with what is kept for it."""
    return pb.WaitlistEntry(
        id=str(entry.entry_id),
        salon_id=str(entry.salon_id),
        salon_names=entry.salon.names,
        time_zone=entry.salon.time_zone,
        customer_id=str(entry.customer_id),
        state=_STATES[entry.state],
        items=[_wish(wish) for wish in entry.wishes],
        ranges=[
            pb.WishedRange(start_time=timestamp(one.start), end_time=timestamp(one.end))
            for one in entry.ranges
        ],
        note=entry.note,
        priority=entry.priority,
        offer=_offer(entry.offer, entry.salon.time_zone) if entry.offer else None,
        booking_id=str(entry.booking_id or ""),
        unanswered_offers=entry.unanswered,
        create_time=timestamp(entry.created_at),
        update_time=timestamp(entry.updated_at),
    )


def entry_answer(entry: Entry) -> bytes:
    """The same as it is kept for repetitions."""
    return entry_message(entry).SerializeToString()


def _ranges(check: Violations, ranges: Sequence[pb.WishedRange]) -> tuple[TimeRange, ...]:
    check.count("ranges", ranges, MOST_RANGES, least=1)
    found = []
    for position, wished in enumerate(ranges[:MOST_RANGES]):
        start = whole_second(check, f"ranges[{position}].start_time", wished.start_time)
        end = whole_second(check, f"ranges[{position}].end_time", wished.end_time)
        if end <= start:
            check.add(f"ranges[{position}].end_time", "EMPTY_RANGE")
        else:
            found.append(TimeRange(start, end))
    return tuple(found)


def _wish(wish: Wish) -> booking_service_pb2.WantedItem:
    return booking_service_pb2.WantedItem(
        service_id=str(wish.service_id),
        staff_id=str(wish.staff_id or ""),
        add_on_ids=[str(add_on_id) for add_on_id in wish.add_on_ids],
    )


def _offer(held: HeldTime, time_zone: str) -> pb.WaitlistOffer:
    during = held.during
    return pb.WaitlistOffer(
        id=str(held.offer_id),
        start_time=timestamp(during.start),
        end_time=timestamp(during.end),
        local_start=during.start.astimezone(ZoneInfo(time_zone)).isoformat(),
        items=[_item(item) for item in held.items],
        total=to_proto(held.price, money_pb2.Money),
        prepayment=to_proto(held.policy.due_now(held.price), money_pb2.Money),
        expire_time=timestamp(held.expires_at),
    )


def _item(item: Item) -> pb.WaitlistOffer.Item:
    return pb.WaitlistOffer.Item(
        service_id=str(item.service_id),
        service_names=item.service_names,
        staff_id=str(item.staff_id),
        staff_names=item.staff_names,
        start_time=timestamp(item.during.start),
        end_time=timestamp(item.during.end),
        price=to_proto(item.price, money_pb2.Money),
    )
