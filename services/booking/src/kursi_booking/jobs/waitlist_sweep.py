"""What the events of freed time may have missed: working time that was gained, and a broker that lost something."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from kursi_booking.ports.waitlist import Waitlist
from kursi_booking.usecases.run_out_offers import RunOutOffers

EVERY: Final = timedelta(minutes=1)
"""Staff who gain working time do so days ahead; a minute is soon."""


class WaitlistSweep:
    """Ends what is over, then looks through the salons where somebody waits."""

    def __init__(
        self, waitlist: Waitlist, run_out: RunOutOffers, match: Callable[[UUID], Awaitable[int]]
    ) -> None:
        self._waitlist = waitlist
        self._run_out = run_out
        self._match = match

    async def __call__(self) -> None:
        """One sweep. Raises: CatalogUnavailable; then the rest waits for the next."""
        await self._run_out.end_what_is_over()
        for salon_id in await self._waitlist.salons():
            await self._match(salon_id)
