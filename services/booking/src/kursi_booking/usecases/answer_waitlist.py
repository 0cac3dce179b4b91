"""Whose entry it is, and the order of work that what people do with entries has in common."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries

from kursi_booking.domain import waitlist as verbs
from kursi_booking.domain.booking import Act
from kursi_booking.domain.errors import WaitlistEntryNotFound
from kursi_booking.domain.policy import Party
from kursi_booking.domain.waitlist import Entry, EntryChange
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.waitlist import DescribeEntry, RenderEntry, Waitlist
from kursi_booking.usecases.access import is_member


def visible_entry(entry: Entry | None, caller: Caller) -> Entry:
    """The entry, for its customer and the salon's members. Raises: WaitlistEntryNotFound for others."""
    if entry is None:
        raise WaitlistEntryNotFound
    if entry.customer_id != caller.user_id and not is_member(caller, entry.salon_id):
        raise WaitlistEntryNotFound
    return entry


def act_on_entry(entry: Entry, caller: Caller, at: datetime) -> Act:
    """What the customer or a member of the salon does. Raises: WaitlistEntryNotFound for others."""
    visible_entry(entry, caller)
    party = Party.SALON if is_member(caller, entry.salon_id) else Party.CUSTOMER
    return Act(caller.actor, party, at)


Verb = Callable[[Entry, Act], EntryChange]


class AnswerWaitlist:
    """Cancels entries and declines offers: once per request key, history and event in the same transaction."""

    def __init__(
        self, waitlist: Waitlist, clock: Clock, *, describe: DescribeEntry, render: RenderEntry
    ) -> None:
        self._waitlist = waitlist
        self._clock = clock
        self._describe = describe
        self._render = render

    async def cancel(self, entry_id: UUID, request: KeyedRequest, caller: Caller) -> bytes:
        """Wait no longer. Raises: WaitlistEntryNotFound, EntryIsClosed."""
        return await self._carry_out(entry_id, request, caller, verbs.cancel)

    async def decline(self, entry_id: UUID, offer_id: UUID, request: KeyedRequest, caller: Caller) -> bytes:
        """Leave the offered time to the next. Raises: WaitlistEntryNotFound, OfferGone."""
        return await self._carry_out(
            entry_id, request, caller, lambda entry, act: verbs.decline(entry, act, offer_id)
        )

    async def _carry_out(self, entry_id: UUID, request: KeyedRequest, caller: Caller, verb: Verb) -> bytes:
        async def attempt() -> bytes:
            async with self._waitlist.work() as work:
                kept = await work.kept_answer(request)
                if kept is not None:
                    return kept
                entry = visible_entry(await work.locked(entry_id), caller)
                change = verb(entry, act_on_entry(entry, caller, self._clock.now()))
                if change.event is not None:
                    await work.save(change, self._describe(change))
                answer = self._render(change.entry)
                await work.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)
