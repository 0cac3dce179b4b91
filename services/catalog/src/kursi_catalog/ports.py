"""What the use cases need of other services."""

from typing import Protocol
from uuid import UUID


class Identity(Protocol):
    """Who people are. Calls go over the network: never inside a transaction."""

    async def grant_owner(self, salon_id: UUID, user_id: UUID) -> None:
        """Make the user an owner of the salon; a repetition changes nothing.

        Raises: Unavailable when nobody answered, and then it may have happened or not.
        """
        ...

    async def user_exists(self, user_id: UUID) -> bool:
        """Whether there is such an account. Raises: Unavailable."""
        ...
