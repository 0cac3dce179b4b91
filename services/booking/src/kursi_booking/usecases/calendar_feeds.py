"""Feeds: made for oneself or for a staff member, listed, ended, and read by whoever has the secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.clock import Clock
from kursi_chassis.errors import Denied
from kursi_chassis.ids import new_id

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.calendar_errors import CalendarFeedNotFound, TooManyFeeds
from kursi_booking.domain.calendar_feed import (
    MOST_FEEDS,
    CalendarFeed,
    StaffPlace,
    is_token,
    new_token,
    span,
    token_hash,
)
from kursi_booking.domain.errors import SalonNotFound, StaffNotFound
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.calendar_feeds import Feeds, RenderFeed
from kursi_booking.ports.sealing import Sealer
from kursi_booking.ports.supply import Catalog
from kursi_booking.usecases.first_answer import or_first_answer
from kursi_booking.usecases.staff_access import linked_account, manages, staff_account

_IDENTITY = Caller("service", service="identity")
_HEARD_WITHIN = timedelta(minutes=1)
"""How long after the end of a membership a token can still speak for it: every service hears of it within seconds."""


@dataclass(frozen=True, slots=True)
class WantedFeed:
    """Whose feed is wanted: of a staff member, or without one the caller's own bookings as a customer."""

    staff: StaffPlace | None
    language: str


class CreateCalendarFeed:
    """Makes a feed. Its secret is in the answer and nowhere else: repetitions get an answer that was kept sealed."""

    def __init__(
        self, feeds: Feeds, catalog: Catalog, clock: Clock, sealer: Sealer, render: RenderFeed
    ) -> None:
        self._feeds = feeds
        self._catalog = catalog
        self._clock = clock
        self._sealer = sealer
        self._render = render

    async def __call__(self, wanted: WantedFeed, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer, or the first one when the request is a repetition.

        Raises: Denied, SalonNotFound, StaffNotFound, TooManyFeeds, CatalogUnavailable.
        """
        made = self._made(wanted, request, caller)
        return self._sealer.opened(await or_first_answer(made, self._feeds, request))

    async def _made(self, wanted: WantedFeed, request: KeyedRequest, caller: Caller) -> bytes:
        """The answer, sealed."""
        if caller.user_id is None:
            raise Denied
        now = self._clock.now()
        owner_id: UUID | None = caller.user_id
        if wanted.staff is not None:
            owner_id, _ = await linked_account(self._catalog, wanted.staff, caller, now)
        feed = CalendarFeed(new_id(), wanted.staff, owner_id, caller.user_id, wanted.language, now)
        async with self._feeds.work() as work:
            kept = await work.kept_answer(request)
            if kept is not None:
                return kept
            if await work.count_of(feed.staff, owner_id) >= MOST_FEEDS:
                raise TooManyFeeds(MOST_FEEDS)
            token = new_token()
            await work.add(feed, token_hash(token), caller)
            answer = self._sealer.seal(self._render(feed, token))
            await work.keep_answer(request, answer)
        return answer


class ManageCalendarFeeds:
    """Lists and ends feeds."""

    def __init__(self, feeds: Feeds, clock: Clock) -> None:
        self._feeds = feeds
        self._clock = clock

    async def listed(self, salon_id: UUID | None, caller: Caller) -> Sequence[CalendarFeed]:
        """Those that the caller may end, newest first. Raises: RoleRequired, Denied."""
        if salon_id is not None:
            caller.require_role(salon_id, Role.MANAGER)
            return await self._feeds.of_salon(salon_id)
        if caller.user_id is None:
            raise Denied
        return await self._feeds.of_user(caller.user_id)

    async def revoke(self, feed_id: UUID, caller: Caller) -> None:
        """End a feed. Raises: CalendarFeedNotFound, also for somebody else's."""
        async with self._feeds.work() as work:
            found = await work.locked(feed_id)
            if found is None or not _may_end(found[0], caller):
                raise CalendarFeedNotFound
            feed, works = found
            if works:
                await work.revoke(feed, self._clock.now(), caller)


class ReadCalendarFeed:
    """What a calendar gets that subscribed."""

    def __init__(self, feeds: Feeds, catalog: Catalog, clock: Clock) -> None:
        self._feeds = feeds
        self._catalog = catalog
        self._clock = clock

    async def __call__(self, token: str) -> tuple[CalendarFeed, Sequence[Booking]]:
        """The feed and its bookings, in two statements however many there are.

        Raises: CalendarFeedNotFound, also once its staff member is none any more; CatalogUnavailable when that cannot be
            known.
        """
        feed = await self._feeds.by_token(token_hash(token)) if is_token(token) else None
        if feed is None:
            raise CalendarFeedNotFound
        if feed.staff is not None:
            try:
                await staff_account(self._catalog, feed.staff, self._clock.now())
            except (SalonNotFound, StaffNotFound) as error:
                raise CalendarFeedNotFound from error
        return feed, await self._feeds.bookings(feed, span(self._clock.now()))


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who is no member of a salon any more."""

    salon_id: UUID
    user_id: UUID
    at: datetime


class EndFeedsOfLeavers:
    """Ends the feeds of a salon's staff whose secret somebody knows who left: their own, and those that they made."""

    def __init__(self, feeds: Feeds, clock: Clock) -> None:
        self._feeds = feeds
        self._clock = clock

    async def __call__(self, leaver: Leaver) -> None:
        """However often and late it is told: what was made by somebody who came back since then works on."""
        async with self._feeds.work() as work:
            for feed in await work.of_leaver(leaver.salon_id, leaver.user_id, leaver.at + _HEARD_WITHIN):
                await work.revoke(feed, self._clock.now(), _IDENTITY)


def _may_end(feed: CalendarFeed, caller: Caller) -> bool:
    if caller.user_id is not None and caller.user_id in (feed.owner_id, feed.created_by):
        return True
    return feed.staff is not None and manages(caller, feed.staff.salon_id)
