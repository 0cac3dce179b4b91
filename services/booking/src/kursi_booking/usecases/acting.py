"""The order of work that all actions on a booking have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.grpc.etag import check_etag

from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import BookingStore, DescribeEvent, Render
from kursi_booking.usecases.access import visible
from kursi_booking.usecases.saving import save


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants done with a booking; an empty etag asks for no check."""

    booking_id: UUID
    etag: str = ""
    reason: str = ""


Verb = Callable[[Booking, Act], Change]
Outcome = Callable[[Booking, Act], CancellationOutcome]


class Authority(Protocol):
    """Who may do something, and on whose behalf."""

    def __call__(self, booking: Booking, caller: Caller, at: datetime, reason: str = "") -> Act:
        """The act of this caller. Raises: BookingNotFound for strangers, Denied."""
        ...


class Acting:
    """Carries out what the domain decides: once per request key, history and event in the same transaction.

    Asking again for what is done answers without a change, whatever the etag; the etag guards changes.
    """

    def __init__(self, store: BookingStore, clock: Clock, *, describe: DescribeEvent, render: Render) -> None:
        self.store = store
        self.clock = clock
        self.describe = describe
        self.render = render

    async def carry_out(
        self, order: Order, request: KeyedRequest, caller: Caller, *, authority: Authority, verb: Verb
    ) -> bytes:
        """The answer with the booking after the verb.

        Raises: BookingNotFound, Denied, StaleEtag, and what the verb raises.
        """

        async def attempt() -> bytes:
            async with self.store.work() as work:
                kept = await work.kept_answer(request)
                if kept is not None:
                    return kept
                booking = visible(await work.locked(order.booking_id), caller)
                act = authority(booking, caller, self.clock.now(), order.reason)
                change = verb(booking, act)
                if change.event is not None:
                    check_etag(order.etag, booking.revision)
                after = await save(work, self.describe, booking, change, act)
                answer = self.render(after, after.settlement)
                await work.keep_answer(request, answer)
                return answer

        return await run_with_retries(attempt)

    async def foresee(self, order: Order, caller: Caller, *, authority: Authority, outcome: Outcome) -> bytes:
        """The booking as it is, with the settlement that calling it off now would have. Writes nothing.

        Raises: BookingNotFound, Denied, StaleEtag, and what `outcome` raises.
        """
        booking = visible(await self.store.find(order.booking_id), caller)
        act = authority(booking, caller, self.clock.now())
        settlement = booking.settlement or outcome(booking, act)
        check_etag(order.etag, booking.revision)
        return self.render(booking, settlement)
