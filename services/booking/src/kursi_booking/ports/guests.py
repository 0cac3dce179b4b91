"""People whom the salon knows by their number only."""

from typing import Protocol
from uuid import UUID

from kursi_booking.domain.guest import WalkIn


class Customers(Protocol):
    """Who has a phone number."""

    async def ensure(self, salon_id: UUID, guest: WalkIn) -> UUID:
        """The account with the number, or the salon's guest with it. The same again is the same.

        Raises: Invalid for a number that cannot be reached, IdentityUnavailable; what identity refuses.
        """
        ...
