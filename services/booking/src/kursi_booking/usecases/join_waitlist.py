"""Somebody begins to wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Denied
from kursi_chassis.ids import new_id
from kursi_chassis.intervals import merged
from kursi_chassis.validation import Violations

from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import TooManyWaitlistEntries
from kursi_booking.domain.policy import Party
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import FARTHEST, MOST_OPEN, Entry, EntryState, Wish, join
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.offers import Ask, Offers, WantedService
from kursi_booking.ports.waitlist import DescribeEntry, RenderEntry, Waitlist
from kursi_booking.usecases.access import act_for, expect_customer, is_member
from kursi_booking.usecases.first_answer import or_first_answer


@dataclass(frozen=True, slots=True)
class WishedVisit:
    """The visit that somebody waits for; without a customer it is the caller's own."""

    salon_id: UUID
    services: tuple[WantedService, ...]
    ranges: tuple[TimeRange, ...]
    note: str
    customer_id: UUID | None
    priority: int


class JoinWaitlist:
    """Puts a customer on the waiting list, unless what they wish for can never be given to them."""

    def __init__(
        self,
        waitlist: Waitlist,
        store: BookingStore,
        offers: Offers,
        clock: Clock,
        *,
        customers: Customers,
        describe: DescribeEntry,
        render: RenderEntry,
    ) -> None:
        self._customers = customers
        self._waitlist = waitlist
        self._store = store
        self._offers = offers
        self._clock = clock
        self._describe = describe
        self._render = render

    async def __call__(self, wished: WishedVisit, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer with the new entry, or the first answer when the request is a repetition.

        Raises: Denied, Invalid, TooManyWaitlistEntries, AlreadyWaiting; what `Offers.to_book` raises.
        """
        return await or_first_answer(self._join(wished, request, caller), self._store, request)

    async def _join(self, wished: WishedVisit, request: KeyedRequest, caller: Caller) -> bytes:
        now = self._clock.now()
        customer_id, act = _on_behalf(wished, caller, now)
        _check_ranges(wished.ranges, now)
        await expect_customer(self._customers, wished.customer_id, wished.salon_id, caller)
        entry = await self._entry(wished, customer_id, act)

        async def attempt() -> bytes:
            async with self._waitlist.work() as work:
                kept = await work.kept_answer(request)
                if kept is not None:
                    return kept
                if await work.open_entries(entry.salon_id, customer_id) >= MOST_OPEN:
                    raise TooManyWaitlistEntries(MOST_OPEN)
                change = join(entry, act)
                await work.add(change, self._describe(change))
                answer = self._render(change.entry)
                await work.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)

    async def _entry(self, wished: WishedVisit, customer_id: UUID, act: Act) -> Entry:
        """Asked as somebody who books asks, so that nobody waits for what the salon does not have."""
        ranges = _joined(wished.ranges)
        offer = await self._offers.to_book(
            Ask(
                salon_id=wished.salon_id,
                wanted=wished.services,
                first=max(ranges[0].start, act.at),
                last=ranges[-1].end,
                customer_id=customer_id,
                party=act.party,
            )
        )
        return Entry(
            entry_id=new_id(),
            salon_id=wished.salon_id,
            salon=offer.salon,
            customer_id=customer_id,
            channel=Channel.CUSTOMER if act.party is Party.CUSTOMER else Channel.SALON,
            wishes=tuple(Wish(one.service_id, one.staff_id, one.add_on_ids) for one in wished.services),
            ranges=ranges,
            note=wished.note,
            priority=wished.priority,
            state=EntryState.WAITING,
            offer=None,
            passed=(),
            unanswered=0,
            booking_id=None,
            revision=0,
            created_at=act.at,
            updated_at=act.at,
        )


def _on_behalf(wished: WishedVisit, caller: Caller, now: datetime) -> tuple[UUID, Act]:
    """Who waits, and who says so. Raises: Denied for somebody else, or a priority, without a role in the salon."""
    if wished.priority != 0 and not is_member(caller, wished.salon_id):
        raise Denied
    return act_for(wished.customer_id, wished.salon_id, caller, now)


def _check_ranges(ranges: Sequence[TimeRange], now: datetime) -> None:
    """Raises: Invalid for a range that is over, or too far away."""
    latest = now + FARTHEST
    with Violations() as check:
        for position, one in enumerate(ranges):
            field = f"ranges[{position}].end_time"
            check.future(field, one.end, now)
            if one.end > latest:
                check.add(field, "OUT_OF_RANGE", min=now, max=latest)


def _joined(ranges: Sequence[TimeRange]) -> tuple[TimeRange, ...]:
    return tuple(TimeRange.of_epoch(start, end) for start, end in merged([one.epoch for one in ranges]))
