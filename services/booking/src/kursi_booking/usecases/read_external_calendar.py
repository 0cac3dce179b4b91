"""Reading one calendar that is due: over the network outside of any transaction, then what it says into claims."""

import random
from datetime import datetime
from functools import partial
from typing import Final

from kursi_chassis.clock import Clock
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.intervals import IntervalSet, clip, merged

from kursi_booking.domain.errors import CatalogUnavailable, SalonNotFound
from kursi_booking.domain.external_calendar import (
    Attempt,
    BusyTimes,
    CalendarUnreadable,
    Lease,
    chunks,
    next_refresh,
    window,
)
from kursi_booking.ports.external_calendars import DescribeConflict, Fetch, Parse, Refreshes
from kursi_booking.ports.sealing import AddressSealer, SealBroken
from kursi_booking.ports.supply import Catalog

_DAY: Final = 86_400


class ReadExternalCalendar:
    """Reads whatever calendar is due. It can stop anywhere: its lease runs out, and the next one begins again."""

    def __init__(
        self,
        refreshes: Refreshes,
        catalog: Catalog,
        clock: Clock,
        *,
        fetch: Fetch,
        parse: Parse,
        sealer: AddressSealer,
        describe: DescribeConflict,
    ) -> None:
        self._refreshes = refreshes
        self._catalog = catalog
        self._clock = clock
        self._fetch = fetch
        self._parse = parse
        self._sealer = sealer
        self._describe = describe

    async def __call__(self) -> Attempt | None:
        """What came of it; None when nothing is due."""
        now = self._clock.now()
        lease = await self._refreshes.lease(now)
        if lease is None:
            return None
        lease = lease.in_zone(await self._zone(lease, now))
        attempt = await self._attempt(lease, now)
        # Also what was read before is claimed again: what was booked then may be free by now.
        for chunk in chunks(window(now)):
            claim = partial(self._refreshes.claim, lease, chunk, clip(attempt.busy, *chunk))
            if not await run_with_retries(claim):
                return attempt
        await run_with_retries(partial(self._finish, lease, attempt, now))
        return attempt

    async def _zone(self, lease: Lease, now: datetime) -> str:
        """The salon's, which may have been corrected; the one that was last heard of where nobody can be asked."""
        start = int(now.timestamp())
        try:
            context = await self._catalog.context(lease.staff.salon_id, frozenset(), start, start + _DAY)
        except (CatalogUnavailable, SalonNotFound):
            return lease.time_zone
        return context.zone.key

    async def _finish(self, lease: Lease, attempt: Attempt, now: datetime) -> bool:
        failures = 0 if attempt.is_read else lease.failures + 1
        at = next_refresh(now, failures, random.random())
        return await self._refreshes.finish(lease, attempt, now, at, self._describe)

    async def _attempt(self, lease: Lease, now: datetime) -> Attempt:
        try:
            return await self._read(lease, now)
        except CalendarUnreadable as error:
            return Attempt(lease.busy, lease.validators, why=error.why, status=error.status)

    async def _read(self, lease: Lease, now: datetime) -> Attempt:
        try:
            url = self._sealer.opened(lease.sealed_url).decode()
        except SealBroken as error:
            raise CalendarUnreadable("RECONNECT") from error
        fetched = await self._fetch(url, lease.known(now))
        if fetched is None:
            return Attempt(lease.busy, lease.validators, is_read=True)
        times = await self._parse(fetched.content, time_zone=lease.time_zone, within=window(now))
        busy = await self._without_ours(lease, times)
        return Attempt(busy, fetched.validators, skipped=times.skipped, is_read=True, is_new=True)

    async def _without_ours(self, lease: Lease, times: BusyTimes) -> IntervalSet:
        """A booking of theirs that came back in their own calendar keeps them busy once; anybody else's counts."""
        ours = await self._refreshes.bookings_of(lease.staff.staff_id, list(times.own))
        others = [span for booking_id, spans in times.own.items() if booking_id not in ours for span in spans]
        return merged([*times.busy, *others])
