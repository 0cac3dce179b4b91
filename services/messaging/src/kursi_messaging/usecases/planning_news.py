"""Taking into account what is told by itself: each piece of news once, whatever is delivered twice or late."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.events import inbox

from kursi_messaging.domain.news import News
from kursi_messaging.domain.planning import deduplicated
from kursi_messaging.store import planning
from kursi_messaging.usecases.planning import Planner


class NewsPlanner:
    """Turns news into rows of notifications, with what the planner of everything else has."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    async def take(self, consumer: str, news: Mapping[UUID, News]) -> None:
        """Take news, by event id, into account, all in one transaction; what was seen before changes nothing."""
        if news:
            await run_with_retries(lambda: self._take(consumer, news))

    async def _take(self, consumer: str, news: Mapping[UUID, News]) -> None:
        async with self._planner.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, news)
            if not fresh:
                return
            taken = [news[event_id] for event_id in fresh]
            salons = {one.salon_id for one in taken}
            people = {person for one in taken for person in one.people}
            await planning.lock(connection, salons=salons, people=people, bookings=())
            around = await self._planner.surroundings(connection, salons, people)
            rows = deduplicated(row for one in taken for row in one.messages(around))
            if rows:
                await planning.record(connection, rows, max_retries=self._planner.max_retries, now=around.now)
