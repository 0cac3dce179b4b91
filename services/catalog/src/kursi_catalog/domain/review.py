"""What a customer says of one visit."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from kursi_catalog.domain.errors import ReviewHidden, TooLateToEdit

EDITABLE_FOR = timedelta(days=30)
"""How long an author can change a review: long enough to look at the result again, too short for what the salon
answered to lose its question."""


class ReviewState(StrEnum):
    PUBLISHED = "published"
    HIDDEN = "hidden"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the salon answered."""

    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """`revision` counts changes by anybody and makes the etag. A deleted review stays as a husk without words, so that its
    visit is not reviewed anew.
    """

    id: UUID
    salon_id: UUID
    booking_id: UUID
    author_id: UUID
    service_ids: tuple[UUID, ...]
    staff_ids: tuple[UUID, ...]
    rating: int
    text: str
    state: ReviewState
    hidden_reason: str
    reply: Reply | None
    revision: int
    create_time: datetime
    update_time: datetime

    @property
    def counted(self) -> tuple[int, int]:
        """What it adds to the salon's number of reviews and to the sum of their ratings."""
        return (1, self.rating) if self.state is ReviewState.PUBLISHED else (0, 0)

    def expect_editable(self, now: datetime) -> None:
        """Raises: ReviewHidden; TooLateToEdit when its author has had time enough."""
        if self.state is ReviewState.HIDDEN:
            raise ReviewHidden
        deadline = self.create_time + EDITABLE_FOR
        if now > deadline:
            raise TooLateToEdit(deadline=deadline)
