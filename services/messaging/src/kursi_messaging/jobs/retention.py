"""Forgetting what was kept long enough: texts and tries after their outcome, visits that are over, reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, LiteralString

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.jobs import Job

_BATCH: Final = 2_000
_EVERY: Final = timedelta(minutes=10)

_NOTIFICATIONS: Final[LiteralString] = """
DELETE FROM notifications WHERE id IN (
    SELECT id FROM notifications
    WHERE created_at < %(limit)s AND updated_at < %(limit)s
      AND status NOT IN ('pending', 'scheduled', 'deferred', 'sending')
    LIMIT %(most)s)
"""
_VISITS: Final[LiteralString] = """
DELETE FROM booking_view WHERE booking_id IN (
    SELECT booking_id FROM booking_view WHERE end_at < %(limit)s AND changed_at < %(limit)s LIMIT %(most)s)
"""
_ENTRIES: Final[LiteralString] = """
DELETE FROM waitlist_view WHERE entry_id IN (
    SELECT entry_id FROM waitlist_view WHERE changed_at < %(limit)s LIMIT %(most)s)
"""
_REPORTS: Final[LiteralString] = """
DELETE FROM delivery_reports WHERE id IN (
    SELECT id FROM delivery_reports WHERE received_at < %(limit)s LIMIT %(most)s)
"""


class Retention:
    """Deletes rows in small batches, each its own transaction, so that nobody waits for it."""

    def __init__(
        self, database: Database, clock: Clock, *, kept: timedelta, customers_kept: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept
        self._customers_kept = customers_kept

    def job(self) -> Job:
        """The periodic job."""
        return Job("forget_notifications", _EVERY, self.run)

    async def run(self) -> None:
        """Delete all that is due. A message that has no outcome yet stays, however old; tries go along."""
        await self._forget(_NOTIFICATIONS, self._kept)
        await self._forget(_REPORTS, self._kept)
        await self._forget(_ENTRIES, self._customers_kept)
        # Whom a salon may still write to is known from these rows, so they stay longer than messages.
        await self._forget(_VISITS, self._customers_kept)

    async def _forget(self, statement: LiteralString, kept: timedelta) -> None:
        limit = self._clock.now() - kept
        deleted = _BATCH
        while deleted == _BATCH:
            async with self._database.transaction() as connection:
                cursor = await connection.execute(statement, {"limit": limit, "most": _BATCH})
                deleted = cursor.rowcount
