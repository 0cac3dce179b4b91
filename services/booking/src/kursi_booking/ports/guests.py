"""People whom the salon books, as identity knows them."""

from typing import Protocol
from uuid import UUID

from kursi_booking.domain.guest import WalkIn


class Customers(Protocol):
    """Who has a phone number, and who exists."""

    async def ensure(self, salon_id: UUID, guest: WalkIn, territory_code: str) -> UUID:
        """The account with the number, or the salon's guest with it. The same again is the same. A number that is not
        international is one of the territory.

        Raises: Invalid for a number that cannot be reached, IdentityUnavailable; what identity refuses.
        """
        ...

    async def expect(self, customer_id: UUID) -> None:
        """Make sure that somebody has this id: an account or a guest. While identity cannot be asked, anybody may: what
        a salon mistypes then reaches nobody, and a salon that cannot book loses visits.

        Raises: Invalid.
        """
        ...
