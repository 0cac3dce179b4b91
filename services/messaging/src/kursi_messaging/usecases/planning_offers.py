"""Taking changes of waiting lists into account: each offer is told once, and not when it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.events import inbox

from kursi_messaging.domain.planning import deduplicated
from kursi_messaging.domain.waitlist import WaitlistChange, latest_changes, plan_offers
from kursi_messaging.store import planning, waitlist
from kursi_messaging.usecases.planning import Planner


class OfferPlanner:
    """Turns offers into rows of notifications, with what the planner of everything else has."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    async def take(self, consumer: str, changes: Mapping[UUID, WaitlistChange]) -> None:
        """Take changes, by event id, into account, all in one transaction; what was seen before changes nothing."""
        if changes:
            await run_with_retries(lambda: self._take(consumer, changes))

    async def _take(self, consumer: str, changes: Mapping[UUID, WaitlistChange]) -> None:
        async with self._planner.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, changes)
            if not fresh:
                return
            taken = [changes[event_id] for event_id in fresh]
            salons, people = {change.salon_id for change in taken}, {change.customer_id for change in taken}
            entries = {change.entry_id for change in taken}
            await planning.lock(connection, salons=salons, people=people, bookings=entries)
            latest = latest_changes(taken, await waitlist.revisions(connection, entries)).values()
            around = await self._planner.surroundings(connection, salons, people)
            await waitlist.remember(connection, list(latest), around.now)
            rows = deduplicated(plan_offers(taken, latest, around))
            if rows:
                await planning.record(connection, rows, max_retries=self._planner.max_retries, now=around.now)
