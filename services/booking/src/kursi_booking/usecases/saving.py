"""Writing a change down, and what follows from it."""

from collections.abc import Sequence

from kursi_booking.domain.booking import Act, Booking, Change
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.payment import nothing_more_due, told_refund
from kursi_booking.ports.bookings import DescribeEvent, Work


async def save(work: Work, describe: DescribeEvent, before: Booking, change: Change, act: Act) -> Booking:
    """The booking after the change and after what follows from it, written; both leave the visit where it is."""
    if change.event is not None:
        await work.save(change, describe(before, change))
    return await _follow(work, describe, before, change, act)


async def save_moved(
    work: Work,
    describe: DescribeEvent,
    before: Booking,
    change: Change,
    act: Act,
    *,
    claims: Sequence[Claim],
) -> Booking:
    """The same for a change that takes these claims. Raises: TimeTaken, and then nothing may be committed."""
    if change.event is not None:
        await work.save_moved(change, describe(before, change), claims)
    return await _follow(work, describe, before, change, act)


async def _follow(work: Work, describe: DescribeEvent, before: Booking, change: Change, act: Act) -> Booking:
    refund = told_refund(before, change, act)
    if refund.event is not None:
        await work.save(refund, describe(before, refund))
    onward = nothing_more_due(refund.booking, act)
    if onward.event is not None:
        await work.save(onward, describe(refund.booking, onward))
    return onward.booking
