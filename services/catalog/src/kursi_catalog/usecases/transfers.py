"""Taking a salon's catalogue along, and bringing one in."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database

from kursi_catalog.domain.errors import SalonArchived
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.transfer import CatalogueDraft, ThingKind, Verdict
from kursi_catalog.queries.visibility import visible_salon
from kursi_catalog.store import catalogue, hours, import_keys
from kursi_catalog.store.catalogue import Catalogue, searching_later
from kursi_catalog.store.edits import Change, Edit
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.collection import change_of
from kursi_catalog.usecases.import_plan import KINDS, Plan, Planner, Step
from kursi_catalog.usecases.once import Render, RequestKey, once
from kursi_catalog.usecases.schedules import availability_replaced, hours_replaced

Defaults = Mapping[ThingKind, Mapping[str, Any]]
"""What a new thing has where its row says nothing. Any: see Fields."""


class Transfers:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def salon(self, caller: Caller, salon_id: UUID) -> Salon:
        """Whose currency the prices of a file are in. Raises: SalonNotFound, SalonArchived."""
        async with self._database.snapshot() as connection:
            salon = await visible_salon(connection, caller, salon_id)
        if salon.archive_time is not None:
            raise SalonArchived
        return salon

    async def catalogue(self, caller: Caller, salon_id: UUID) -> tuple[Salon, Catalogue]:
        """All there is. Raises: SalonNotFound."""
        async with self._database.repeatable_snapshot() as connection:
            salon = await visible_salon(connection, caller, salon_id)
            return salon, await catalogue.load(connection, salon_id)

    async def look(
        self, caller: Caller, salon_id: UUID, draft: CatalogueDraft, defaults: Defaults
    ) -> Verdict:
        """What the file would do. Nothing is written, nothing is locked. Raises: SalonNotFound."""
        salon, present = await self.catalogue(caller, salon_id)
        plan = await asyncio.to_thread(Planner(salon, present, defaults, self._clock.now()).plan, draft)
        return _verdict(draft, plan, applied=False)

    async def apply(
        self,
        caller: Caller,
        salon_id: UUID,
        draft: CatalogueDraft,
        defaults: Defaults,
        *,
        key: RequestKey,
        render: Render[Verdict],
    ) -> bytes:
        """Do what the file says, all of it or, when a row is bad, nothing.

        The plan is made again under the salon's lock: what the dry run saw may have changed.

        Raises: SalonNotFound, SalonArchived, RequestIdReused.
        """

        async def work(connection: Connection) -> bytes:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            present = await catalogue.load(connection, salon_id)
            plan = await asyncio.to_thread(Planner(edit.salon, present, defaults, edit.now).plan, draft)
            if plan.problems:
                return render(_verdict(draft, plan, applied=False))
            await _write(edit, plan, present)
            return render(_verdict(draft, plan, applied=True))

        return await once(self._database, caller, key, work)


async def _write(edit: Edit, plan: Plan, present: Catalogue) -> None:
    changes: list[Change] = []
    async with searching_later(edit.connection, edit.salon.id):
        for step in plan.steps:
            await _write_thing(edit.connection, step)
            action = "created" if step.before is None else "updated"
            changes.append(change_of(KINDS[step.kind], action, step.before, step.after))
    fresh = [(step.kind, step.key, step.after.id) for step in plan.steps if step.before is None]
    await import_keys.keep(edit.connection, edit.salon.id, fresh)
    if plan.hours is not None:
        await hours.replace_hours(edit.connection, edit.salon.id, plan.hours)
        changes.append(hours_replaced(edit.salon.id, present.opening, plan.hours))
    for staff_id, availability in plan.availability.items():
        await hours.replace_availability(edit.connection, staff_id, availability)
        before = present.availability.get(staff_id, type(availability)())
        changes.append(availability_replaced(staff_id, before, availability))
    if changes:
        await edit.record_all(changes)


async def _write_thing(connection: Connection, step: Step) -> None:
    table = KINDS[step.kind].table
    if step.before is None:
        await table.insert(connection, step.after)
    else:
        await table.update(connection, step.after)


def _verdict(draft: CatalogueDraft, plan: Plan, *, applied: bool) -> Verdict:
    return Verdict(applied, draft.rows, plan.created, plan.updated, plan.unchanged, tuple(plan.problems))
