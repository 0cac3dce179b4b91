"""What the use cases need of other services."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from kursi_catalog.domain.photo import Developed


@dataclass(frozen=True, slots=True)
class Visit:
    """A booking as its customer may speak of it. Nobody's account: a visit of somebody without one."""

    booking_id: UUID
    salon_id: UUID
    customer_id: UUID | None
    is_completed: bool
    service_ids: tuple[UUID, ...]
    staff_ids: tuple[UUID, ...]


class Booking(Protocol):
    """What became of visits. Calls go over the network: never inside a transaction."""

    async def visit(self, booking_id: UUID) -> Visit | None:
        """The visit, if there is one. Raises: Unavailable."""
        ...


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


class ObjectStore(Protocol):
    """Keeps pictures by key. Calls go over the network: never inside a transaction. All raise: Unavailable, OSError."""

    async def put(self, key: str, content: bytes, content_type: str, /) -> None:
        """Keep the content under the key, the whole of it or nothing; what was there is replaced."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What is kept under the key."""
        ...

    async def delete(self, key: str) -> None:
        """Nothing is kept under the key any more; it need not have been."""
        ...


class Studio(Protocol):
    """Turns what people upload into pictures that can be shown."""

    async def develop(self, content: bytes) -> Developed:
        """Raises: Invalid (`image`) for what is no photo that can be taken; RetryLater."""
        ...
