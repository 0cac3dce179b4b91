"""What the events of freed time may have missed: working time that was gained, and a broker that lost something."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from kursi_chassis.errors import Unavailable

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
        """One sweep. What goes wrong with one salon keeps no other one from its turn.

        Raises: Unavailable, when the rest waits for the next sweep; ExceptionGroup of what else went wrong, after the last
        salon.
        """
        await self._run_out.end_what_is_over()
        wrong: list[Exception] = []
        for salon_id in await self._waitlist.salons():
            try:
                await self._match(salon_id)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 -- a bug of ours: raised after the last salon
                error.add_note(f"salon {salon_id}")
                wrong.append(error)
        if wrong:
            message = "salons whose waiting list could not be gone through"
            raise ExceptionGroup(message, wrong)
