"""What the use cases of calendar feeds need of the layers below them."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_chassis.caller import Caller

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.calendar_feed import CalendarFeed, Span, StaffPlace
from kursi_booking.ports.answers import FirstAnswers, KeyedWork


class FeedWork(KeyedWork, Protocol):
    """One transaction over feeds."""

    async def count_of(self, place: StaffPlace | None, owner_id: UUID | None) -> int: ...
    async def add(self, feed: CalendarFeed, token_hash: bytes, caller: Caller) -> None: ...
    async def locked(self, feed_id: UUID) -> tuple[CalendarFeed, bool] | None: ...
    async def revoke(self, feed: CalendarFeed, now: datetime, caller: Caller) -> None: ...
    async def of_leaver(self, salon_id: UUID, user_id: UUID, before: datetime) -> Sequence[CalendarFeed]: ...


class Feeds(FirstAnswers, Protocol):
    """Feeds, and the bookings that are in them."""

    def work(self) -> AbstractAsyncContextManager[FeedWork]: ...
    async def of_user(self, user_id: UUID) -> Sequence[CalendarFeed]: ...
    async def of_salon(self, salon_id: UUID) -> Sequence[CalendarFeed]: ...
    async def by_token(self, token_hash: bytes) -> CalendarFeed | None: ...
    async def bookings(self, feed: CalendarFeed, within: Span) -> Sequence[Booking]: ...


class RenderFeed(Protocol):
    """Words the answer that has the secret."""

    def __call__(self, feed: CalendarFeed, token: str) -> bytes: ...
