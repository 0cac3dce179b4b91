"""What people and salons choose; what is still to be told moves along in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.telemetry import current_traceparent

from kursi_messaging.domain.preferences import Preferences
from kursi_messaging.domain.salon import SalonSettings
from kursi_messaging.store import planning, preferences, salons
from kursi_messaging.usecases.planning import Planner


class Choices:
    """Preferences of people and settings of salons."""

    def __init__(self, database: Database, clock: Clock, planner: Planner) -> None:
        self._database = database
        self._clock = clock
        self._planner = planner

    async def preferences_of(self, user_id: UUID) -> Preferences:
        """What a person wants to be told."""
        async with self._database.snapshot() as connection:
            return await preferences.read(connection, user_id)

    async def settings_of(self, salon_id: UUID) -> SalonSettings:
        """How a salon tells people."""
        async with self._database.snapshot() as connection:
            return await salons.read(connection, salon_id)

    async def change_preferences(
        self, user_id: UUID, change: Callable[[Preferences], Preferences], caller: Caller
    ) -> Preferences:
        """Store what `change` makes of a person's choices, unless that changes nothing.

        Raises: what `change` raises to refuse.
        """

        async def attempt() -> Preferences:
            async with self._database.transaction() as connection:
                return await self._change_preferences(connection, user_id, change, caller)

        return await run_with_retries(attempt)

    async def change_settings(
        self, salon_id: UUID, change: Callable[[SalonSettings], SalonSettings], caller: Caller
    ) -> SalonSettings:
        """Store what `change` makes of a salon's settings, unless that changes nothing.

        Raises: what `change` raises to refuse.
        """

        async def attempt() -> SalonSettings:
            async with self._database.transaction() as connection:
                return await self._change_settings(connection, salon_id, change, caller)

        return await run_with_retries(attempt)

    async def _change_preferences(
        self,
        connection: Connection,
        user_id: UUID,
        change: Callable[[Preferences], Preferences],
        caller: Caller,
    ) -> Preferences:
        now = self._clock.now()
        await planning.lock_choices(connection, user_id)
        before = await preferences.read(connection, user_id)
        changed = change(before)
        if changed == before:
            return before
        after = replace(changed, revision=before.revision + 1)
        await preferences.write(connection, user_id, after, now)
        await planning.release_deferred(connection, user_id, now)
        coming = await planning.read_coming_of_customers(connection, [user_id], now)
        await self._planner.replan(connection, coming.values(), {user_id: current_traceparent() or ""})
        entry = Entry(
            "preferences_changed",
            "user",
            user_id,
            before=_preferences_as_json(before),
            after=_preferences_as_json(after),
        )
        await audit.append(connection, caller, entry, at=now)
        return after

    async def _change_settings(
        self,
        connection: Connection,
        salon_id: UUID,
        change: Callable[[SalonSettings], SalonSettings],
        caller: Caller,
    ) -> SalonSettings:
        now = self._clock.now()
        await planning.lock_choices(connection, salon_id)
        before = await salons.read(connection, salon_id)
        changed = change(before)
        if changed == before:
            return before
        after = replace(changed, revision=before.revision + 1)
        await salons.write(connection, salon_id, after, now)
        coming = await planning.read_coming_of_salon(connection, salon_id, now)
        customers = {booking.customer_id for booking in coming.values()}
        # Nobody plans with this salon now; what a customer chooses at this moment has to be waited for.
        await planning.lock(connection, salons=(), people=customers, bookings=())
        traces = dict.fromkeys(customers, current_traceparent() or "")
        await self._planner.replan(connection, coming.values(), traces)
        entry = Entry(
            "salon_settings_changed",
            "salon",
            salon_id,
            salon_id=salon_id,
            before=_settings_as_json(before),
            after=_settings_as_json(after),
        )
        await audit.append(connection, caller, entry, at=now)
        return after


def _preferences_as_json(chosen: Preferences) -> dict[str, object]:
    return {
        "toggles": {f"{event}.{channel}": on for (event, channel), on in chosen.toggles.items()},
        "method": chosen.method,
        "quiet_hours": f"{chosen.quiet_start:%H:%M}-{chosen.quiet_end:%H:%M}"
        if chosen.quiet_hours_enabled
        else "",
    }


def _settings_as_json(settings: SalonSettings) -> dict[str, object]:
    return {
        "customer_channels": list(settings.customer_channels),
        "staff_channels": list(settings.staff_channels),
        "reminders": {str(rule.offset): list(rule.channels) for rule in settings.reminders},
        "default_language": settings.default_language,
    }
